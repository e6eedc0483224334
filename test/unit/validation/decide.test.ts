import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalControlId } from '../../../job-image/rules/control-id.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { prerequisiteClosure, rulesFor } from '../../../job-image/rules/rule-set.ts'
import { compilePlan, decideSystem, decideSystems } from '../../../job-image/validation/decide.ts'
import type { ControlRow, Decision, EvidenceRow } from '../../../job-image/validation/decide.ts'
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

describe('a decision', () => {
  const rules = loadRuleSet()
  const has = (type: string, more: Partial<EvidenceRow> = {}): EvidenceRow => {
    return { id: 1, type, key: `${type}.json`, collectedAt: REFERENCE_TIME - 5, expiresAt: null, ...more }
  }
  const EXPIRED = { expiresAt: REFERENCE_TIME }
  const decide = (controlId: string, ...evidence: EvidenceRow[]): Decision =>
    decideSystem(compilePlan(rules, [controlRow(1, controlId)]), evidence, REFERENCE_TIME)[0]!

  test('to pass has no remediation, and names the types and expired ones that were not needed', () => {
    expect(decide('SC-8', has('tls-config'), has('certificate', EXPIRED))).toEqual({
      status: 'pass',
      message: 'Evidence present: tls-config; not counted: certificate expired 2026-11-01T00:00:00Z',
      evidenceKeys: ['tls-config.json'],
      remediation: null,
      attributes: { rule: 'SC-8', expired: ['certificate'] },
    })
  })

  test('about a missing type has the remediation of the rule, and names an expired type once', () => {
    expect(decide('CM-2', has('change-request', EXPIRED), has('terraform-plan'))).toEqual({
      status: 'insufficient_evidence',
      message: 'Required evidence: change-request expired 2026-11-01T00:00:00Z',
      evidenceKeys: [],
      remediation:
        'Keep the baseline as code, and link the change request that approved its current version.',
      attributes: { rule: 'CM-2', expired: ['change-request'] },
    })
  })

  test('about missing options names each of them once', () => {
    expect(decide('SC-8', has('certificate', EXPIRED))).toEqual({
      status: 'insufficient_evidence',
      message: 'One of these is required: tls-config missing, certificate expired 2026-11-01T00:00:00Z',
      evidenceKeys: [],
      remediation: 'Collect the TLS settings of every public endpoint, or the certificates they serve.',
      attributes: { rule: 'SC-8', missing_any: [['tls-config', 'certificate']], expired: ['certificate'] },
    })
  })

  test('about a prerequisite comes first, and says what to do first', () => {
    expect(decide('AC-3')).toMatchObject({
      status: 'insufficient_evidence',
      message: expect.stringMatching(
        /^Prerequisite not passed: AC-2 \(insufficient_evidence\); advisory/,
      ) as string,
      remediation: 'Make AC-2 pass first.',
      attributes: { rule: 'AC-3', blocked_by: ['AC-2'], advisory: ['AC-1'] },
    })
  })

  test('counts evidence that was collected at the reference time, and reports later evidence', () => {
    const at = (collectedAt: number): Decision => decide('SC-8', has('tls-config', { collectedAt }))
    expect(at(REFERENCE_TIME).attributes).toEqual({ rule: 'SC-8' })
    expect(at(REFERENCE_TIME + 1).attributes).toEqual({ rule: 'SC-8', future: ['tls-config'] })
  })
})

test('an error in the evidence of one system leaves the decisions of others as they are', () => {
  const plan = compilePlan(loadRuleSet(), [controlRow(1, 'SC-8')])
  const broken = {
    get type(): string {
      throw new Error('broken row')
    },
  } as unknown as EvidenceRow
  const [first, second] = decideSystems(plan, [[broken], []], REFERENCE_TIME)
  expect(first).toEqual(new Error('broken row'))
  expect(second).toEqual(decideSystem(plan, [], REFERENCE_TIME))
  expect(() => decideSystem(plan, [broken], REFERENCE_TIME)).toThrow('broken row')
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
