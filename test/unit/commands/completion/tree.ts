import type { CommandNode } from '../../../../job-image/commands/completion/command-tree.ts'

/** A small program: a group with a command of all kinds of options, and a command with files. */
export const TREE: CommandNode = {
  description: 'The program',
  cmds: {
    runs: {
      description: 'Runs',
      cmds: {
        show: {
          description: 'Show one',
          helpTopics: () => [
            { category: 'arguments', usage: '<ID|latest>', description: 'The run' },
            { category: 'options', usage: '--status <pass|not_pass>', description: "Only this one's" },
            { category: 'options', usage: '--output, -o <wide>', description: 'wide' },
            { category: 'options', usage: '--config <FILE>', description: 'File' },
            { category: 'options', usage: '--env <NAME>', description: 'Name' },
            { category: 'flags', usage: '--json', description: 'JSON' },
          ],
        },
      },
    },
    lint: {
      helpTopics: () => [{ category: 'arguments', usage: '<FILE>...', description: 'Packs' }],
    },
  },
}
