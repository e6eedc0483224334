import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { decodePlan, encodePlan } from '../../../job-image/record/plan-body.ts'
import { compilePlan, decideSystem } from '../../../job-image/validation/decide.ts'
import { worlds } from '../../support/worlds.ts'

describe('the stored form of a plan', () => {
  it('marks the controls that are unknown for every system', () => {
    fc.assert(
      fc.property(worlds, ({ rules, rows, evidence, referenceTime }) => {
        const plan = compilePlan(rules, rows)
        const statuses = decideSystem(plan, evidence, referenceTime).map(({ status }) => status)
        expect(encodePlan(plan).unknown).toBe(
          statuses.map((status) => (status === 'unknown' ? '1' : '0')).join(''),
        )
      }),
    )
  })

  it('is refused if a newer version of the program has written it', () => {
    const { body } = encodePlan(compilePlan(loadRuleSet(), []))
    const newer = body.replace('"version":1', '"version":2')
    expect(() => decodePlan(newer)).toThrow('the plan has version 2 of its stored form; this program reads 1')
  })
})
