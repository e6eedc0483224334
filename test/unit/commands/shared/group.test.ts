import { command, runSafely } from 'cmd-ts'
import { expect, test } from 'vitest'
import { group } from '../../../../job-image/commands/shared/group.ts'

test('a group runs its commands, and has them for completion', async () => {
  const inner = command({ name: 'inner', args: {}, handler: () => 7 })
  const outer = group({ name: 'outer', cmds: { inner } })
  expect(outer).toMatchObject({ cmds: { inner } })
  expect(await runSafely(outer, ['inner'])).toMatchObject({
    _tag: 'ok',
    value: { command: 'inner', value: 7 },
  })
})
