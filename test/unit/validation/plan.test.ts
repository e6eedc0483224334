import { describe, expect, test } from 'vitest'
import { parseRulePack } from '../../../job-image/rules/rule-pack.ts'
import { mergePacks } from '../../../job-image/rules/rule-set.ts'
import type { ControlRow } from '../../../job-image/validation/model.ts'
import { compilePlan } from '../../../job-image/validation/plan.ts'

const RULES = mergePacks([
  parseRulePack(
    `name: ours
families: { AC: { required_any: [list, log], remediation: Add a list. } }
controls: { AC-2: { required_all: [log, scan], required_any: [scan, list] } }
prerequisites:
  - { control: AC-3, requires: AC-2 }
  - { control: AC-3, requires: AC-1, blocking: false }
  - { control: AC-2, requires: AC-1 }
`,
    'ours.yaml',
  ),
])

function row(id: number, controlId: string, more: Partial<ControlRow> = {}): ControlRow {
  return { id, catalogId: 1, framework: 'nist-800-53', controlId, requirements: [], ...more }
}

const needs = (requiredAll: string[], requiredAny: string[] = []) => ({ requiredAll, requiredAny })

/** The message of each control that is not decided from evidence; undefined for the others. */
const fixedMessages = (...rows: ControlRow[]): (string | undefined)[] => {
  const { nodes, nodeOf } = compilePlan(RULES, rows)
  return nodeOf.map((node) => nodes[node]?.fixed?.message)
}

describe('the plan of a run', () => {
  test('has controls by row id, whatever the order of the rows', () => {
    const { controls, nodeOf } = compilePlan(RULES, [row(9, 'AC-4'), row(1, 'AC-2'), row(5, 'AC-5')])
    expect(controls.map(({ id }) => id)).toEqual([1, 5, 9])
    expect(nodeOf).toHaveLength(3)
    // Two controls with the rule of their family share one node.
    expect(nodeOf[1]).toBe(nodeOf[2])
    expect(nodeOf[0]).not.toBe(nodeOf[1])
  })

  test('has rules with the indexes of their types, each once', () => {
    const { rules, types, typeIndex } = compilePlan(RULES, [row(1, 'AC-2'), row(2, 'AC-9')])
    // AC-2 requires AC-1, which has the rule of its family: that comes first.
    expect(types).toEqual(['list', 'log', 'scan'])
    expect([...typeIndex]).toEqual([
      ['list', 0],
      ['log', 1],
      ['scan', 2],
    ])
    expect(rules).toEqual([
      { label: 'family AC', remediation: 'Add a list.', all: [], groups: [[0, 1]], types: [0, 1] },
      { label: 'AC-2', remediation: null, all: [1, 2], groups: [[2, 0]], types: [1, 2, 0] },
    ])
  })

  test('has each prerequisite before what needs it, blocking and advisory apart', () => {
    const { nodes, nodeOf } = compilePlan(RULES, [row(1, 'AC-3')])
    expect(nodes).toEqual([
      { rule: 0, blocking: [], advisory: [] },
      { rule: 1, blocking: [{ control: 'AC-1', node: 0 }], advisory: [] },
      {
        rule: 0,
        blocking: [{ control: 'AC-2', node: 1 }],
        advisory: [{ control: 'AC-1', node: 0 }],
      },
    ])
    expect(nodeOf).toEqual([2])
  })

  test('is the same with and without controls that are not selected, but for their requirements', () => {
    const selected = [row(3, 'AC-3')]
    expect(compilePlan(RULES, selected, [row(2, 'AC-2')])).toEqual(compilePlan(RULES, selected))
    const { rules } = compilePlan(RULES, selected, [row(2, 'AC-2', { requirements: [needs(['own'])] })])
    expect(rules.map(({ label }) => label)).toContain('database')
  })

  test('takes a prerequisite from the row of the same catalog with the lowest id', () => {
    const own = (id: number, catalogId: number, type: string): ControlRow =>
      row(id, 'AC-2', { catalogId, requirements: [needs([type])] })
    const { types } = compilePlan(
      RULES,
      [row(9, 'AC-3')],
      [own(4, 1, 'later'), own(3, 1, 'first'), own(1, 2, 'other')],
    )
    expect(types).toContain('first')
    expect(types).not.toContain('later')
    expect(types).not.toContain('other')
  })
})

describe('requirements of the database', () => {
  test('override the rule: all types of all rows, and one group for each row with options', () => {
    const requirements = [needs(['a'], ['x', 'y']), needs(['b', 'a'], ['y', 'x']), needs([], ['z'])]
    const { rules, types } = compilePlan(RULES, [row(1, 'AC-9', { requirements, remediation: 'Do it.' })])
    const named = (indexes: readonly number[]): string => indexes.map((index) => types[index]).join(' ')
    expect(rules).toHaveLength(1)
    expect(rules[0]).toMatchObject({ label: 'database', remediation: 'Do it.' })
    expect(named(rules[0]!.all)).toBe('a b')
    expect(rules[0]!.groups.map(named)).toEqual(['x y', 'z'])
    expect(named(rules[0]!.types)).toBe('a b x y z')
  })

  test.each<[Partial<ControlRow>, string]>([
    [{ problem: 'row 7 is not a list' }, 'row 7 is not a list'],
    [{ requirements: [needs([])] }, 'the row requires no evidence'],
    [{ requirements: [needs(['a']), needs([])] }, 'row 2 of 2 requires no evidence'],
    [{ requirements: [needs(['a'], [''])] }, 'the row has an empty evidence type'],
  ])('that are unusable make the control unknown: %j', (more, problem) => {
    const { invalidControls, nodes } = compilePlan(RULES, [row(1, 'AC-9', more), row(2, 'AC-8')])
    expect(invalidControls).toEqual([{ id: 1, controlId: 'AC-9', message: expect.stringContaining(problem) }])
    expect(nodes[0]?.fixed).toMatchObject({
      status: 'unknown',
      message: expect.stringContaining(problem),
      remediation: 'Correct the rows of control_requirements for this control.',
      attributes: { rule: 'database' },
    })
  })
})

test('a control that no rule covers is unknown, with the reason', () => {
  const [own, none, noPack, notKnown, unreadable] = fixedMessages(
    row(1, 'AC-9'),
    row(2, 'ZZ-1'),
    row(3, 'AC-9', { catalogId: 2, framework: 'handbook' }),
    row(4, 'AC-9', { catalogId: 3, framework: undefined }),
    row(5, 'not an id'),
  )
  expect(own).toBeUndefined()
  expect(new Set([none, noPack, notKnown]).size).toBe(3)
  expect(noPack).toContain('handbook')
  expect(unreadable).toBe(none)
})
