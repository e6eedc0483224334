import fc from 'fast-check'
import { expect, it } from 'vitest'
import { snakeKeys } from '../../../common/snake-case.ts'

it('renames the keys of objects and of lists within them, and no value', () => {
  const value = {
    runId: 1,
    counts: { notPass: 2, insufficientEvidence: 0 },
    list: [{ slotAt: null }],
    reason: 'RunBroke',
  }
  expect(snakeKeys(value)).toEqual({
    run_id: 1,
    counts: { not_pass: 2, insufficient_evidence: 0 },
    list: [{ slot_at: null }],
    reason: 'RunBroke',
  })
})

it('leaves data alone that has no capitals in its keys', () => {
  const data = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value')),
      tie('object'),
    ),
    object: fc.dictionary(fc.stringMatching(/^[a-z][a-z_0-9]*$/), tie('value')),
  })).value
  fc.assert(
    fc.property(data, (value) => {
      expect(snakeKeys(value)).toEqual(value)
    }),
  )
})
