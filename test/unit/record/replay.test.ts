import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePlan, encodePlan } from '../../../job-image/record/plan-body.ts'
import { replay } from '../../../job-image/record/replay.ts'
import { compilePlan, decideSystem } from '../../../job-image/validation/decide.ts'
import { worlds } from '../../support/worlds.ts'

describe('a replay', () => {
  it('with the stored plan gives the same answers, for any rules and evidence', () => {
    fc.assert(
      fc.property(worlds, ({ rules, rows, evidence, referenceTime }) => {
        const plan = compilePlan(rules, rows)
        const stored = decideSystem(plan, evidence, referenceTime)
        const again = decodePlan(encodePlan(plan).body)
        expect(replay({ plan: again, evidence, referenceTime }, stored)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('names each control whose answer differs, and not those that differ in the order of attributes alone', () => {
    fc.assert(
      fc.property(worlds, fc.nat(), ({ rules, rows, evidence, referenceTime }, at) => {
        const plan = compilePlan(rules, rows)
        const decisions = decideSystem(plan, evidence, referenceTime)
        fc.pre(decisions.length > 0)
        const changed = at % decisions.length
        const stored = decisions.map((decision, index) => {
          const attributes = Object.fromEntries(Object.entries(decision.attributes).toReversed())
          return { ...decision, attributes, ...(index === changed && { message: 'another' }) }
        })
        const found = replay({ plan, evidence, referenceTime }, stored)
        expect(found).toEqual([{ index: changed, stored: stored[changed], now: decisions[changed] }])
      }),
    )
  })
})
