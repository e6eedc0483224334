import { subcommands } from 'cmd-ts'
import { onceCommand } from './once.ts'
import { startCommand } from './start.ts'

export const schedulerCommand = subcommands({
  name: 'scheduler',
  description: 'Run validations, now or by a schedule, and list the runs',
  cmds: { start: startCommand, once: onceCommand },
})
