import { expect, test } from 'vitest'
import { schedulerCommand } from '../../../../job-image/commands/scheduler/scheduler.ts'
import { completionSpecs } from '../../../../job-image/commands/completion/command-tree.ts'

test('the group has the commands that start runs, and lists runs', () => {
  const [group, ...commands] = completionSpecs(schedulerCommand)
  expect(group?.commands.map(({ name, description }) => `${name}: ${description}`)).toEqual([
    'start: Stay in the foreground and run a validation at each slot of a schedule',
    expect.stringMatching(/^once: Run one validation now and wait for its end\./),
    expect.stringMatching(/^runs: List the runs/i),
  ])
  expect(commands.map(({ path }) => path)).toEqual(['start', 'once', 'runs'])
})
