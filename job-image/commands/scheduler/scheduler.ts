import { group } from '../shared/group.ts'
import { onceCommand } from './once.ts'
import { runsCommand } from '../runs/runs.ts'
import { startCommand } from './start.ts'

export const schedulerCommand = group({
  name: 'scheduler',
  description: 'Run validations, now or by a schedule, and list the runs',
  cmds: { start: startCommand, once: onceCommand, runs: runsCommand },
})
