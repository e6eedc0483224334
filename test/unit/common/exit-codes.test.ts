import { expect, it } from 'vitest'
import { EXIT } from '../../../common/exit-codes.ts'

it('are the codes that the documentation and the Job of a schedule name', () => {
  expect(EXIT).toEqual({ ok: 0, failed: 1, usage: 2, findings: 3, interrupted: 143 })
})
