import { expect, test } from 'vitest'
import { describeWithCluster } from '../namespace.ts'
import { useScheduleApi } from '../schedule-api.ts'
import { SMALLEST } from '../suite/api-cases.ts'
import type { Accepted, Refused } from '../suite/api-cases.ts'

const VALUES = 'In and NotIn need at least one value, Exists and DoesNotExist have none'
const matching = (expression: object): object => ({
  selection: { systems: { matchExpressions: [{ key: 'zone', ...expression }] } },
})

const ACCEPTED: readonly Accepted[] = [
  ['selection of everything', { selection: { systems: {}, controls: {} } }],
  ['patterns of any characters', { selection: { systems: { include: ['é\\%_[a-', '*a'.repeat(127)] } } }],
]

const REFUSED: readonly Refused[] = [
  ['misspelt selection', { selection: { system: {} } }, 'unknown field "spec.selection.system"'],
  [
    'misspelt families',
    { selection: { controls: { family: [] } } },
    'unknown field "spec.selection.controls.family"',
  ],
  [
    'pattern that is a number',
    { selection: { systems: { include: [5] } } },
    'must be of type string: "integer"',
  ],
  ['empty pattern', { selection: { systems: { include: [''] } } }, 'should be at least 1 chars long'],
  ['long pattern', { selection: { systems: { exclude: ['x'.repeat(256)] } } }, 'may not be more than 255'],
  [
    'too many patterns',
    { selection: { systems: { include: Array.from({ length: 101 }, () => 'x') } } },
    'must have at most 100 items',
  ],
  ['long control', { selection: { controls: { include: ['x'.repeat(51)] } } }, 'may not be more than 50'],
  [
    'too many labels',
    {
      selection: {
        systems: { matchLabels: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, 'x'])) },
      },
    },
    'Too many: 17: must have at most 16 items',
  ],
  ['no operator', matching({}), 'matchExpressions[0].operator: Required value'],
  [
    'unknown operator',
    matching({ operator: 'Gt' }),
    'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
  ],
  ['In without values', matching({ operator: 'In' }), VALUES],
  ['NotIn of nothing', matching({ operator: 'NotIn', values: [] }), VALUES],
  ['Exists with values', matching({ operator: 'Exists', values: ['x'] }), VALUES],
]

describeWithCluster('the API server, for a selection,', () => {
  const api = useScheduleApi('selection')

  test.each(ACCEPTED)('accepts %s', async (name, change) => {
    await api.write(name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { ...SMALLEST, ...change })
  })

  test.each(REFUSED)('refuses %s', async (_, change, message) => {
    expect(await api.refusal({ ...SMALLEST, ...change })).toContain(message)
  })
})
