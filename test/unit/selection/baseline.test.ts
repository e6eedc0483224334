import { describe, expect, it } from 'vitest'
import { baselineControls, missingMembers } from '../../../job-image/selection/baseline.ts'
import type { Baseline, NamedCatalog } from '../../../job-image/selection/baseline.ts'

const CATALOGS: NamedCatalog[] = [
  { id: 1, name: 'rev5', framework: 'nist-800-53-rev5' },
  { id: 2, name: 'rev4', framework: 'nist-800-53-rev4' },
  { id: 3, name: 'ism', framework: 'ism' },
  { id: 4, name: 'other', framework: undefined },
]
const IDS: Record<number, string[]> = {
  1: ['AC-2', 'ac-03', 'AU-2'],
  2: ['AC-2', 'AC-3'],
  3: ['ISM-0039', 'ISM-0445', 'AC-2'],
  4: ['AC-2', 'AC-3', 'AU-2', 'K-1'],
}

type Options = { readonly catalogs?: readonly number[] }

function members(
  baseline: Pick<Baseline, 'frameworks'> & { ids: string[] },
  { catalogs = [1, 2, 3, 4] }: Options = {},
): string[] {
  const { frameworks, ids } = baseline
  const here = CATALOGS.filter(({ id }) => catalogs.includes(id))
  const controls = here.flatMap(({ id: catalogId, framework }) =>
    IDS[catalogId]!.map((controlId) => ({ catalogId, framework, controlId })),
  )
  const chosen = baselineControls({ name: 'b', frameworks, members: new Set(ids) }, controls, here)
  return [...chosen].map(({ catalogId, controlId }) => `${catalogId} ${controlId}`)
}

const REV5 = ['nist-800-53-rev5']

describe('the members of a baseline', () => {
  it('are controls of its own framework', () => {
    expect(members({ frameworks: REV5, ids: ['ac-2', 'ac-3'] })).toEqual(['1 AC-2', '1 ac-03'])
    expect(members({ frameworks: ['nist-800-53-rev4'], ids: ['ac-2', 'au-2'] })).toEqual(['2 AC-2'])
    expect(members({ frameworks: ['ism'], ids: ['ac-2', 'ism-0445'] })).toEqual(['3 AC-2', '3 ISM-0445'])
  })

  it('are controls of each of its frameworks', () => {
    expect(members({ frameworks: ['ism', 'nist-800-53-rev5'], ids: ['au-2', 'ism-0039'] })).toEqual([
      '1 AU-2',
      '3 ISM-0039',
    ])
  })

  it('are found where a catalog or a baseline names no revision, unless one does', () => {
    expect(members({ frameworks: ['nist-800-53'], ids: ['ac-2'] })).toEqual(['1 AC-2', '2 AC-2'])
    expect(() => members({ frameworks: REV5, ids: ['ac-2'] }, { catalogs: [2, 3, 4] })).toThrow(
      'the baseline "b" is of the framework nist-800-53-rev5, and no catalog here is: rev4 (nist-800-53-rev4), ism (ism), other (unknown); import its catalog',
    )
  })

  it('of an earlier release are found in their spelling, and in the one catalog that has them all', () => {
    expect(members({ frameworks: ['ism'], ids: ['ism-445', 'ism-39'] })).toEqual(['3 ISM-0445', '3 ISM-0039'])
    expect(members({ frameworks: ['file-name'], ids: ['ism-445', 'ism-39'] })).toHaveLength(2)
    expect(() => members({ frameworks: ['file-name'], ids: ['ism-445', 'k-1'] })).toThrow(
      'no catalog here is',
    )
    // Two catalogs have it: in doubt none is taken.
    expect(() => members({ frameworks: ['file-name'], ids: ['ac-2'] })).toThrow('no catalog here is')
  })

  it('are found where the controls are the ones in the spelling of an earlier release', () => {
    const controls = [{ catalogId: 1, framework: 'ism', controlId: 'ISM-445' }]
    const baseline = { name: 'b', frameworks: ['ism'], members: new Set(['ism-0445', 'ism-0039']) }
    expect(missingMembers(baseline, controls)).toEqual(['ism-0039'])
  })

  it('that no control stands for are missing', () => {
    const controls = IDS[3]!.map((controlId) => ({ catalogId: 3, framework: 'ism', controlId }))
    const baseline = { name: 'b', frameworks: ['ism'], members: new Set(['ism-445', 'ism-0001']) }
    expect(missingMembers(baseline, controls)).toEqual(['ism-0001'])
  })
})
