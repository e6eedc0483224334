import { command, positional } from 'cmd-ts'
import type { CommandNode } from './command-tree.ts'
import { EXIT } from '../../errors.ts'
import { write } from '../../io.ts'
import type { Action } from '../../io.ts'
import { choice } from '../shared/values.ts'

/** `rapidrmf completion`. `program`: the whole tree of commands, which this one is part of. */
export const completionCommand = (program: () => CommandNode) =>
  command({
    name: 'completion',
    description: 'Print a script that completes commands, options and fixed values with the TAB key',
    args: {
      shell: positional({
        type: choice(['bash', 'zsh', 'fish']),
        description: 'The shell that is to read the script',
      }),
    },
    examples: [
      { description: 'In ~/.bashrc', command: 'source <(rapidrmf completion bash)' },
      { description: 'In ~/.zshrc, after compinit', command: 'source <(rapidrmf completion zsh)' },
      {
        description: 'Once, for fish',
        command: 'rapidrmf completion fish > ~/.config/fish/completions/rapidrmf.fish',
      },
    ],
    handler:
      ({ shell }): Action =>
      async (io) => {
        const { completionSpecs } = await import('./command-tree.ts')
        const { bashCompletion } = await import('./bash.ts')
        const { zshCompletion } = await import('./zsh.ts')
        const { fishCompletion } = await import('./fish.ts')
        const script = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }[shell]
        await write(io.stdout, script(completionSpecs(program())))
        return EXIT.ok
      },
  })
