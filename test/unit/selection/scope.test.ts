import { describe, expect, it } from 'vitest'
import type { Selection } from '../../../crds/selection.ts'
import { normalizeSelection } from '../../../job-image/selection/normalize.ts'
import {
  describeSelection,
  scopeOfBaseline,
  scopeOfSelection,
  storedScope,
} from '../../../job-image/selection/scope.ts'

describe('the scope of a selection', () => {
  it('is described in one line of bounded length', () => {
    const text = (selection: Selection) => scopeOfSelection(normalizeSelection(selection))?.text
    expect(
      text({
        systems: {
          include: ['pay*'],
          exclude: ['pay-test'],
          matchLabels: { tier: '1' },
          matchExpressions: [
            { key: 'zone', operator: 'NotIn', values: ['us', 'eu'] },
            { key: 'legacy', operator: 'DoesNotExist' },
          ],
        },
        controls: {
          include: ['ac-2(1)'],
          families: ['au'],
          baseline: 'moderate',
          framework: 'NIST 800-53',
          exclude: ['AU-12'],
        },
      }),
    ).toBe(
      'systems pay* (tier=1, legacy does not exist, zone not in eu|us) except pay-test; ' +
        'controls AC-2.1, family AU of nist-800-53 in baseline moderate except AU-12',
    )
    const long = text({ systems: { include: Array.from({ length: 100 }, (_, n) => `näme\n${n}`) } })!
    expect(Array.from(long)).toHaveLength(200)
    expect(long).toMatch(/^systems näme 0, .*…$/)
  })

  it.each<[Selection, string]>([
    [{ systems: { include: ['a', 'b'] } }, 'systems a, b'],
    [{ systems: { exclude: ['a'] } }, 'all systems except a'],
    [
      { systems: { matchExpressions: [{ key: 'k', operator: 'Exists' }] }, controls: { exclude: ['AC-1'] } },
      'all systems (k exists); all controls except AC-1',
    ],
    [{ controls: { families: ['AU'] } }, 'controls family AU'],
    [{ controls: { baseline: 'low' } }, 'all controls in baseline low'],
    [{}, ''],
  ])('%j is described as "%s"', (selection, text) => {
    expect(describeSelection(selection)).toBe(text)
  })

  it('keeps a description of 200 characters, and shortens one of 201', () => {
    const described = (length: number): string =>
      describeSelection({ systems: { include: ['x'.repeat(length - 'systems '.length)] } })
    expect(described(200)).toMatch(/x$/)
    expect(described(201)).toMatch(/^systems x{191}…$/)
  })

  it('has the digest and the selection, which may restrict systems or controls alone', () => {
    const systems: Selection = { systems: { include: ['a'] } }
    const controls: Selection = { controls: { include: ['AC-2'] }, allowEmpty: true }
    expect(scopeOfSelection(systems)).toMatchObject({ text: 'systems a', selection: systems })
    expect(scopeOfSelection(controls)).toMatchObject({ text: 'controls AC-2', selection: controls })
    expect(scopeOfSelection({ ...systems, allowEmpty: true })?.digest).toBe(scopeOfSelection(systems)?.digest)
    expect(scopeOfSelection(undefined)).toBeUndefined()
  })
})

describe('the scope of a baseline', () => {
  const low: Selection = { controls: { baseline: 'low' } }

  it('has another digest when the baseline has other members', () => {
    const digests = [
      scopeOfSelection(low)?.digest,
      scopeOfBaseline(low, 'members-1')?.digest,
      scopeOfBaseline(low, 'members-2')?.digest,
    ]
    expect(new Set(digests).size).toBe(3)
    expect(scopeOfBaseline(low, 'members-1')).toEqual(scopeOfBaseline(low, 'members-1'))
    expect(scopeOfBaseline(low, 'members-1')?.text).toBe('all controls in baseline low')
  })

  it('is undefined for a selection without a baseline', () => {
    expect(scopeOfBaseline({ controls: { include: ['AC-2'] } }, 'members-1')).toBeUndefined()
    expect(scopeOfBaseline({ systems: { include: ['a'] } }, 'members-1')).toBeUndefined()
    expect(scopeOfBaseline(undefined, 'members-1')).toBeUndefined()
  })
})

describe('the scope in the row of a run', () => {
  it('is read as it was stored', () => {
    const scope = scopeOfSelection({ systems: { include: ['a'] } })
    expect(storedScope({ scope, other: 1 })).toEqual(scope)
    expect(storedScope({ scope: { digest: 'd', text: 't' } })).toEqual({
      digest: 'd',
      text: 't',
      selection: {},
    })
  })

  it.each([
    [null],
    [{}],
    [{ scope: null }],
    [{ scope: 'all' }],
    [{ scope: { digest: 'd' } }],
    [{ scope: { text: 't' } }],
    [{ scope: { digest: 1, text: 't' } }],
  ])('is undefined in the attributes %j', (attributes) => {
    expect(storedScope(attributes)).toBeUndefined()
  })
})
