import { describe, expect, it } from 'vitest'
import type { SystemSelector } from '../../../crds/selection.ts'
import { chooseSystems, needsAttributes } from '../../../job-image/selection/systems.ts'

const SYSTEMS = [
  {
    id: 1,
    name: 'payments-eu',
    attributes: '{"tier": 1, "zones": ["eu", "us"], "account": 12345678901234567890}',
  },
  { id: 2, name: 'payments-us', attributes: '{"tier": "2", "zones": "us", "legacy": true, "owner": null}' },
  { id: 3, name: 'Ledger', attributes: '{"tier": 1.50, "zones": [], "nested": {"tier": "1"}}' },
  { id: 4, name: 'a_b%c[d]\\e', attributes: '["tier"]' },
  { id: 5, name: 'dup', attributes: '{"tier": "9", "tier": "1", "": "empty"}' },
]

const systems = (selector: SystemSelector): number[] =>
  chooseSystems(SYSTEMS, selector).chosen.map(({ id }) => id)
const matching = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...values: string[]) =>
  systems({ matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }] })

describe('systems', () => {
  it.each<[SystemSelector, number[]]>([
    [{ include: ['payments-*'] }, [1, 2]],
    [{ include: ['payments-?s', 'Ledger'] }, [2, 3]],
    [{ include: ['ledger'] }, []],
    [{ exclude: ['payments-*'] }, [3, 4, 5]],
    [{ include: ['*'], exclude: ['*u*'] }, [3, 4]],
    [{ include: ['a_b%c[d]\\e'] }, [4]],
    [{ include: ['a%'] }, []],
    [{ include: ['___'] }, []],
    [{ matchLabels: { tier: '1' } }, [1, 5]],
    [{ matchLabels: { tier: '1.50' } }, [3]],
    [{ matchLabels: { account: '12345678901234567890' } }, [1]],
    [{ matchLabels: { legacy: 'true' } }, [2]],
    [{ matchLabels: { zones: 'us' } }, [1, 2]],
    [{ matchLabels: { zones: 'us', tier: '1' } }, [1]],
    [{ matchLabels: { '': 'empty' } }, [5]],
    [{ include: ['payments-*'], matchLabels: { tier: '1' }, exclude: ['*-eu'] }, []],
  ])('%j', (selector, ids) => {
    expect(systems(selector)).toEqual(ids)
  })

  it('by expressions, as Kubernetes reads them: what has no such key is not in', () => {
    expect(matching('tier', 'In', '1', '2')).toEqual([1, 2, 5])
    expect(matching('tier', 'NotIn', '1')).toEqual([2, 3, 4])
    expect(matching('zones', 'NotIn', 'us')).toEqual([3, 4, 5])
    expect(matching('zones', 'Exists')).toEqual([1, 2, 3])
    expect(matching('zones', 'DoesNotExist')).toEqual([4, 5])
    expect(matching('owner', 'Exists')).toEqual([])
    expect(matching('nested', 'Exists')).toEqual([3])
    expect(matching('toString', 'Exists')).toEqual([])
  })

  it('are chosen whatever else their attributes hold', () => {
    const deep = `{"a": ${'['.repeat(50_000)}${']'.repeat(50_000)}, "tier": "1"}`
    const nul = '{"note": "\\u0000 caf\\udce9", "tier": "1", "zones": [["us"], {"us": 1}, null]}'
    const all = [
      ...SYSTEMS,
      { id: 6, name: 'deep', attributes: deep },
      { id: 7, name: 'nul', attributes: nul },
    ]
    const chosen = (selector: SystemSelector): number[] =>
      chooseSystems(all, selector).chosen.map(({ id }) => id)
    expect(chosen({ matchLabels: { tier: '1' } })).toEqual([1, 5, 6, 7])
    expect(chosen({ matchLabels: { zones: 'us' } })).toEqual([1, 2])
  })

  it('says what was named for nothing, and what each condition matches alone', () => {
    const { chosen, unmatched, tally } = chooseSystems(SYSTEMS, {
      include: ['pay*', 'web-*'],
      exclude: ['*-us'],
      matchLabels: { legacy: 'true' },
    })
    expect(chosen).toEqual([])
    expect(unmatched).toEqual(['web-*'])
    expect(tally()).toBe('include 2, legacy In 1, exclude 1')
  })
})

it.each<[SystemSelector, boolean]>([
  [{ include: ['a'], exclude: ['b'] }, false],
  [{ matchLabels: { tier: '1' } }, true],
  [{ matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, true],
])('the selector %j needs attributes: %s', (selector, expected) => {
  expect(needsAttributes(selector)).toBe(expected)
})
