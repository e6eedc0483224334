import { subcommands } from 'cmd-ts'

/** A group of commands. cmd-ts keeps its commands to itself; here shell completion can read them. */
export const group: typeof subcommands = (config) => Object.assign(subcommands(config), { cmds: config.cmds })
