import { describe, expect, it } from 'vitest'
import { selectionSchema } from '../../../crds/selection.ts'

const x = (length: number): string => 'x'.repeat(length)
const many = (count: number): string[] => Array.from({ length: count }, () => 'x')
const labels = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 'v']))
const matching = (...expressions: object[]): object => ({
  systems: { matchExpressions: expressions.map((expression) => ({ key: 'zone', ...expression })) },
})

describe('a selection at its limits', () => {
  it.each([
    ['names', { systems: { include: [x(255)], exclude: [x(255)] } }],
    ['a hundred names', { systems: { include: many(100), exclude: many(100) } }],
    ['labels', { systems: { matchLabels: { ...labels(15), [x(128)]: x(128) } } }],
    ['expressions', matching(...Array.from({ length: 8 }, () => ({ operator: 'Exists' })))],
    ['values', matching({ operator: 'In', values: [...many(31), x(128)] })],
    ['no values', matching({ operator: 'DoesNotExist', values: [] }, { operator: 'Exists' })],
    ['controls', { controls: { include: [...many(199), x(50)], exclude: [...many(199), x(50)] } }],
    ['families', { controls: { families: [...many(63), x(10)] } }],
    ['baseline and framework', { controls: { baseline: x(100), framework: x(100) } }],
  ])('%s: accepted', (_, selection) => {
    expect(selectionSchema.parse(selection)).toEqual(selection)
  })

  it.each([
    ['systems.include.0', { systems: { include: [x(256)] } }],
    ['systems.exclude.0', { systems: { exclude: [''] } }],
    ['systems.include', { systems: { include: many(101) } }],
    ['systems.matchLabels', { systems: { matchLabels: labels(17) } }],
    ['systems.matchExpressions', matching(...Array.from({ length: 9 }, () => ({ operator: 'Exists' })))],
    ['systems.matchExpressions.0.key', matching({ key: '', operator: 'Exists' })],
    ['systems.matchExpressions.0.operator', matching({ operator: 'Gt' })],
    ['systems.matchExpressions.0.values', matching({ operator: 'In', values: many(33) })],
    ['controls.include.0', { controls: { include: [x(51)] } }],
    ['controls.include', { controls: { include: many(201) } }],
    ['controls.families.0', { controls: { families: [x(11)] } }],
    ['controls.families', { controls: { families: many(65) } }],
    ['controls.baseline', { controls: { baseline: x(101) } }],
    ['controls.framework', { controls: { framework: x(101) } }],
    ['controls', { controls: { family: [] } }],
    ['allowEmpty', { allowEmpty: 'yes' }],
  ])('%s: refused', (path, selection) => {
    const { error } = selectionSchema.safeParse(selection)
    expect(error?.issues.map((issue) => issue.path.join('.'))).toEqual([path])
  })

  it.each([
    { operator: 'In' },
    { operator: 'NotIn', values: [] },
    { operator: 'Exists', values: ['x'] },
    { operator: 'DoesNotExist', values: ['x'] },
  ])('%j has values where it must have none, or none where it needs some', (expression) => {
    const { error } = selectionSchema.safeParse(matching(expression))
    expect(error?.issues).toMatchObject([
      {
        path: ['systems', 'matchExpressions', 0, 'values'],
        message: 'In and NotIn need at least one value, Exists and DoesNotExist have none',
      },
    ])
  })
})
