import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalControlId } from '../../../job-image/rules/control-id.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { prerequisiteClosure, rulesFor } from '../../../job-image/rules/rule-set.ts'
import { compilePlan, decideSystem } from '../../../job-image/validation/decide.ts'
import type { ControlRow, Decision } from '../../../job-image/validation/decide.ts'
import { nextChange } from '../../../job-image/validation/evidence.ts'
import { naiveDecision } from '../../support/naive-evaluator.ts'
import type { World } from '../../support/naive-evaluator.ts'
import { controlRows, evidenceRows, REFERENCE_TIME, ruleSets, worlds } from '../../support/worlds.ts'

const RUNS = { numRuns: 1000 }

function withoutWords({ status, evidenceKeys, attributes }: Decision): object {
  return { status, evidenceKeys, attributes }
}

function decisionsById(plan: ReturnType<typeof compilePlan>, world: World): Map<number, Decision> {
  const decisions = decideSystem(plan, world.evidence, world.referenceTime)
  expect(decisions).toHaveLength(plan.controls.length)
  return new Map(plan.controls.map(({ id }, index) => [id, decisions[index]!]))
}

describe('decideSystem', () => {
  test('agrees with the naive evaluator on any rules, controls and evidence', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const decisions = decisionsById(compilePlan(world.rules, world.rows), world)
        for (const row of world.rows) {
          expect(withoutWords(decisions.get(row.id)!)).toEqual(naiveDecision(world, row))
        }
      }),
      RUNS,
    )
  })

  test('agrees on every built-in rule with each of its types absent, valid and expired', () => {
    const rules = loadRuleSet()
    const nist = rulesFor(rules, 'nist-800-53-rev5')!
    const families = [...nist.families].map(([family, rule]) => ({ controlId: `${family}-99`, rule }))
    const controls = [...nist.controls].map(([controlId, rule]) => ({ controlId, rule }))
    let combinations = 0
    for (const { controlId, rule } of [...families, ...controls]) {
      const rows = [controlRow(1, controlId)]
      const plan = compilePlan(rules, rows)
      for (const evidence of everyState([...new Set([...rule.requiredAll, ...rule.requiredAny])])) {
        const world: World = { rules, rows, evidence, referenceTime: REFERENCE_TIME }
        const [decision] = decideSystem(plan, evidence, REFERENCE_TIME)
        expect(withoutWords(decision!)).toEqual(naiveDecision(world, rows[0]!))
        combinations += 1
      }
    }
    expect(combinations).toBe(1404)
  })

  test('does not depend on the order of controls or evidence', () => {
    const shuffled = worlds.chain((world) =>
      fc.tuple(fc.constant(world), shuffle(world.rows), shuffle(world.evidence)),
    )
    fc.assert(
      fc.property(shuffled, ([world, rows, evidence]) => {
        const plan = compilePlan(world.rules, world.rows)
        const other = compilePlan(world.rules, rows)
        expect(other.controls).toEqual(plan.controls)
        expect(decideSystem(other, evidence, REFERENCE_TIME)).toEqual(
          decideSystem(plan, world.evidence, REFERENCE_TIME),
        )
      }),
      RUNS,
    )
  })

  test('does not depend on how ids are spelled', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const canonical = world.rows.map((row) => ({ ...row, controlId: canonicalOf(row) }))
        const decisions = decideSystem(compilePlan(world.rules, world.rows), world.evidence, REFERENCE_TIME)
        expect(decideSystem(compilePlan(world.rules, canonical), world.evidence, REFERENCE_TIME)).toEqual(
          decisions,
        )
      }),
    )
  })

  test('does not depend on the selection, when the prerequisites outside it are given', () => {
    fc.assert(
      fc.property(worlds, fc.func(fc.boolean()), (world, isSelected) => {
        const all = decisionsById(compilePlan(world.rules, world.rows), world)
        const selected = world.rows.filter(({ id }) => isSelected(id))
        const others = world.rows.filter((row) => {
          const rules = rulesFor(world.rules, row.framework)
          const ofCatalog = selected.filter(({ catalogId }) => catalogId === row.catalogId)
          const needed = rules && prerequisiteClosure(rules, ofCatalog.map(canonicalOf))
          return !selected.includes(row) && needed?.has(canonicalOf(row)) === true
        })
        for (const [id, decision] of decisionsById(compilePlan(world.rules, selected, others), world)) {
          expect(decision).toEqual(all.get(id))
        }
      }),
      RUNS,
    )
  })

  test('answers the same until the next change that nextChange announces', () => {
    fc.assert(
      fc.property(ruleSets, controlRows, evidenceRows, (rules, rows, evidence) => {
        const plan = compilePlan(rules, rows)
        const next = nextChange(plan.typeIndex, evidence, REFERENCE_TIME) ?? REFERENCE_TIME + 1_000_000
        const decisions = decideSystem(plan, evidence, REFERENCE_TIME)
        for (let time = REFERENCE_TIME; time < Math.min(next, REFERENCE_TIME + 10); time += 1) {
          expect(decideSystem(plan, evidence, time)).toEqual(decisions)
        }
      }),
    )
  })

  test('keeps to one object per outcome and leaves the input as it was', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const before = structuredClone({ rows: world.rows, evidence: world.evidence })
        const plan = compilePlan(world.rules, world.rows)
        const decisions = decideSystem(plan, world.evidence, REFERENCE_TIME)
        expect(new Set(decisions).size).toBeLessThanOrEqual(plan.nodes.length)
        expect(new Set(plan.nodeOf).size).toBe(new Set(decisions).size)
        expect({ rows: world.rows, evidence: world.evidence }).toEqual(before)
      }),
    )
  })
})

function controlRow(id: number, controlId: string): ControlRow {
  return { id, catalogId: 1, framework: 'nist-800-53-rev5', controlId, requirements: [] }
}

function canonicalOf({ controlId, framework }: ControlRow): string {
  return canonicalControlId(controlId, framework) ?? ''
}

function shuffle<T>(list: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length })
}

/** 3^n lists of evidence: each type absent, valid by a microsecond, or expired at the reference time itself. */
function everyState(types: readonly string[]): World['evidence'][] {
  return types.reduce<World['evidence'][]>(
    (lists, type, index) =>
      lists.flatMap((list) => [
        list,
        ...[REFERENCE_TIME, REFERENCE_TIME + 1].map((expiresAt) => [
          ...list,
          { id: index, type, key: `${type}.json`, collectedAt: REFERENCE_TIME - 5, expiresAt },
        ]),
      ]),
    [[]],
  )
}
