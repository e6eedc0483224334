import { describe, expect, test } from 'vitest'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { parseRulePack } from '../../../job-image/rules/rule-pack.ts'
import { mergePacks } from '../../../job-image/rules/rule-set.ts'
import { parseTimestamp } from '../../../job-image/time.ts'
import { compilePlan, decideSystem } from '../../../job-image/validation/decide.ts'
import type { ControlRow, Decision, EvidenceRow } from '../../../job-image/validation/decide.ts'

const NOW = parseTimestamp('2026-11-01 00:00:00')
const RULES = loadRuleSet()

let nextId = 0

function row(controlId: string, more: Partial<ControlRow> = {}): ControlRow {
  nextId += 1
  return { id: nextId, catalogId: 1, framework: 'nist-800-53-rev5', controlId, requirements: [], ...more }
}

function has(type: string, more: { collected?: string; expires?: string; key?: string } = {}): EvidenceRow {
  nextId += 1
  return {
    id: nextId,
    type,
    key: more.key ?? `${type}.json`,
    collectedAt: parseTimestamp(more.collected ?? '2026-10-30 12:00:00'),
    expiresAt: more.expires === undefined ? null : parseTimestamp(more.expires),
  }
}

/** The decision on the first of the rows. */
function decide(rows: readonly ControlRow[], evidence: readonly EvidenceRow[], rules = RULES): Decision {
  return decideSystem(compilePlan(rules, rows), evidence, NOW)[0]!
}

describe('what is stored', () => {
  test('pass: the matched types and the key of the newest valid row of each, in the order of the rule', () => {
    const evidence = [
      has('iam-config', { key: 'iam' }),
      has('audit-log', { key: 'old', collected: '2026-01-01 00:00:00' }),
      has('audit-log', { key: 'new' }),
      has('audit-log', {
        key: 'newer but expired',
        collected: '2026-10-31 00:00:00',
        expires: '2026-10-31 12:00:00',
      }),
      has('log-sample'),
    ]
    expect(decide([row('AC-17')], evidence)).toEqual({
      status: 'pass',
      message: 'Evidence present: audit-log, iam-config',
      evidenceKeys: ['new', 'iam'],
      remediation: null,
      attributes: { rule: 'family AC' },
    })
  })

  test('required types: what is missing and what expired, in the order of the rule', () => {
    const decision = decide(
      [row('X-1', { requirements: [{ requiredAll: ['sbom', 'audit-log', 'tls-config'], requiredAny: [] }] })],
      [
        has('audit-log', { expires: '2026-10-01 00:00:00' }),
        has('audit-log', { expires: '2026-09-01 00:00:00' }),
      ],
    )
    expect(decision).toEqual({
      status: 'insufficient_evidence',
      message: 'Required evidence: sbom missing, audit-log expired 2026-10-01T00:00:00Z, tls-config missing',
      evidenceKeys: [],
      remediation: null,
      attributes: { rule: 'database', missing: ['sbom', 'tls-config'], expired: ['audit-log'] },
    })
  })

  test('options: all are named, with those that expired', () => {
    expect(decide([row('SC-8')], [has('certificate', { expires: '2026-11-01 00:00:00' })])).toEqual({
      status: 'insufficient_evidence',
      message: 'One of these is required: tls-config missing, certificate expired 2026-11-01T00:00:00Z',
      evidenceKeys: [],
      remediation: 'Collect the TLS settings of every public endpoint, or the certificates they serve.',
      attributes: { rule: 'SC-8', missing_any: [['tls-config', 'certificate']], expired: ['certificate'] },
    })
  })

  test('an expiry one microsecond after the reference time is valid', () => {
    const decision = decide([row('SC-8')], [has('certificate', { expires: '2026-11-01 00:00:00.000001' })])
    expect(decision.status).toBe('pass')
  })

  test('expired evidence that was not needed is told, not dropped', () => {
    const evidence = [has('tls-config'), has('certificate', { expires: '2026-10-01 00:00:00' })]
    expect(decide([row('SC-8')], evidence)).toMatchObject({
      status: 'pass',
      message: 'Evidence present: tls-config; not counted: certificate expired 2026-10-01T00:00:00Z',
      evidenceKeys: ['tls-config.json'],
      attributes: { rule: 'SC-8', expired: ['certificate'] },
    })
  })

  test('evidence from the future counts and is reported', () => {
    expect(decide([row('SC-8')], [has('tls-config', { collected: '2026-11-01 00:00:00.5' })])).toMatchObject({
      status: 'pass',
      message:
        'Evidence present: tls-config; collected after the reference time: tls-config 2026-11-01T00:00:00.500000Z',
      attributes: { rule: 'SC-8', future: ['tls-config'] },
    })
  })

  test('a blocking prerequisite comes before everything else and is evaluated although it is not in scope', () => {
    const decision = decide([row('AC-3')], [has('iam-policy'), has('iam-config')])
    expect(decision).toEqual({
      status: 'insufficient_evidence',
      message:
        'Prerequisite not passed: AC-2 (insufficient_evidence); advisory prerequisite not passed: AC-1 (insufficient_evidence)',
      evidenceKeys: [],
      remediation: 'Make AC-2 pass first.',
      attributes: { rule: 'AC-3', blocked_by: ['AC-2'], advisory: ['AC-1'] },
    })
  })

  test('an advisory prerequisite decides nothing', () => {
    const rows = [row('AC-2'), row('AC-1', { requirements: [{ requiredAll: ['policy'], requiredAny: [] }] })]
    expect(decide(rows, [has('audit-log'), has('iam-config')])).toMatchObject({
      status: 'pass',
      message:
        'Evidence present: audit-log, iam-config; advisory prerequisite not passed: AC-1 (insufficient_evidence)',
      attributes: { rule: 'AC-2', advisory: ['AC-1'] },
    })
  })

  test('no rule: unknown, in words that any control may share', () => {
    const [one, other] = decideSystem(compilePlan(RULES, [row('ZZ-9'), row('S1.1.1')]), [], NOW)
    expect(one).toBe(other)
    expect(one).toMatchObject({ status: 'unknown', evidenceKeys: [], attributes: {} })
    expect(one?.message).toBe('No rule covers this control or its family')
  })

  test('an enhancement takes its family rule and shares its decision with it', () => {
    const plan = compilePlan(RULES, [row('AC-3(7)'), row('ac-02.01'), row('AC-17'), row('AC-2')])
    const [first, second, base, own] = decideSystem(plan, [has('audit-log'), has('rbac-config')], NOW)
    expect(first).toMatchObject({ status: 'pass', attributes: { rule: 'family AC' } })
    expect([second, base]).toEqual([first, first])
    expect(second).toBe(first)
    expect(own).toMatchObject({ status: 'insufficient_evidence', attributes: { rule: 'AC-2' } })
  })
})

describe('requirements in the database', () => {
  test('all rows must hold: required_all united, one group of options per row', () => {
    const control = row('AC-2', {
      remediation: 'Ask the platform team.',
      requirements: [
        { requiredAll: ['a'], requiredAny: ['b', 'c'] },
        { requiredAll: ['a', 'd'], requiredAny: ['e', 'f'] },
      ],
    })
    expect(decide([control], [has('a'), has('d'), has('c')])).toMatchObject({
      status: 'insufficient_evidence',
      message:
        'One of these is required: e missing, f missing; advisory prerequisite not passed: AC-1 (insufficient_evidence)',
      remediation: 'Ask the platform team.',
      attributes: { rule: 'database', missing_any: [['e', 'f']] },
    })
    const evidence = [has('f'), has('c'), has('a'), has('d'), has('b')]
    expect(decide([control], evidence)).toMatchObject({
      status: 'pass',
      evidenceKeys: ['a.json', 'd.json', 'b.json', 'c.json', 'f.json'],
    })
  })

  test.each([
    [
      { requirements: [{ requiredAll: [], requiredAny: [] }] },
      'The requirements of this control in the database cannot be used: the row requires no evidence',
    ],
    [
      {
        requirements: [
          { requiredAll: ['a'], requiredAny: [] },
          { requiredAll: [], requiredAny: [] },
        ],
      },
      'The requirements of this control in the database cannot be used: row 2 of 2 requires no evidence',
    ],
    [
      { requirements: [{ requiredAll: ['a', ''], requiredAny: [] }] },
      'The requirements of this control in the database cannot be used: the row has an empty evidence type',
    ],
    [
      { problem: 'row 17: required_any is not a list' },
      'The requirements of this control in the database cannot be used: row 17: required_any is not a list',
    ],
  ])('unusable rows are unknown, counted, and never fall back to a rule', (more, message) => {
    const control = row('SC-8', more)
    const plan = compilePlan(RULES, [control, row('SC-8')])
    expect(plan.invalidControls).toEqual([{ id: control.id, controlId: 'SC-8', message }])
    const [broken, sound] = decideSystem(plan, [has('a'), has('tls-config')], NOW)
    expect(broken).toMatchObject({
      status: 'unknown',
      message,
      evidenceKeys: [],
      attributes: { rule: 'database' },
    })
    expect(sound?.status).toBe('pass')
  })

  test('a prerequisite is the row of the same catalog with the lowest id, else what the rules say', () => {
    const needs = (type: string): Partial<ControlRow> => ({
      requirements: [{ requiredAll: [type], requiredAny: [] }],
    })
    const rows = [
      row('AC-3', { id: 5 }),
      row('AC-02', { id: 9, ...needs('absent') }),
      row('ac-2', { id: 7, ...needs('special') }),
      row('AC-3', { id: 20, catalogId: 2 }),
      row('AC-3', { id: 30, catalogId: 3 }),
      row('AC-2', { id: 31, catalogId: 3, ...needs('absent') }),
    ]
    const plan = compilePlan(RULES, rows)
    const evidence = [has('iam-policy'), has('special'), has('audit-log'), has('iam-config')]
    const statuses = decideSystem(plan, evidence, NOW).map(({ status }, at) => [
      plan.controls[at]?.id,
      status,
    ])
    expect(statuses).toEqual([
      [5, 'pass'],
      [7, 'pass'],
      [9, 'insufficient_evidence'],
      [20, 'pass'],
      [30, 'insufficient_evidence'],
      [31, 'insufficient_evidence'],
    ])
  })
})

test('prerequisites block through each other, and one that is unknown blocks too', () => {
  const pack = parseRulePack(
    `name: chain
prerequisites:
  - { control: SC-8, requires: SC-7 }
  - { control: SC-7, requires: SC-12 }
  - { control: SC-12, requires: ZZ-1 }
`,
    'chain.yaml',
  )
  const rules = mergePacks([
    parseRulePack('name: base\nfamilies: { SC: { required_all: [network-config] } }\n', 'base.yaml'),
    pack,
  ])
  const plan = compilePlan(rules, [row('SC-8'), row('SC-12')])
  const messages = decideSystem(plan, [has('network-config')], NOW).map(({ message }) => message)
  expect(messages).toEqual([
    'Prerequisite not passed: SC-7 (insufficient_evidence)',
    'Prerequisite not passed: ZZ-1 (unknown)',
  ])
})

test('an id that is none has no rule, but its own requirements count', () => {
  const requirements = [{ requiredAll: ['a'], requiredAny: [] }]
  const plan = compilePlan(RULES, [row('!?'), row('?!', { requirements })])
  expect(decideSystem(plan, [has('a')], NOW).map(({ status }) => status)).toEqual(['unknown', 'pass'])
})

test('no controls: no decisions', () => {
  expect(decideSystem(compilePlan(RULES, []), [has('a')], NOW)).toEqual([])
})
