import { subcommands } from 'cmd-ts'
import { onceCommand } from './once.ts'

export const schedulerCommand = subcommands({
  name: 'scheduler',
  description: 'Run validations, now or by a schedule, and list the runs',
  cmds: { once: onceCommand },
})
