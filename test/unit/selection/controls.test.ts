import { describe, expect, it } from 'vitest'
import type { ControlSelector } from '../../../crds/selection.ts'
import { isNist80053 } from '../../../job-image/rules/framework.ts'
import { baselineControls } from '../../../job-image/selection/baseline.ts'
import { chooseControls } from '../../../job-image/selection/controls.ts'
import { normalizeSelection } from '../../../job-image/selection/normalize.ts'

const CONTROLS = ['AC-1', 'ac-02', 'AC-2(1)', 'AC-2(10)', 'AC-20', 'AU-2', 'AU-12', 'S1.1.1', 'odd id'].map(
  (controlId, index) => ({
    id: index,
    catalogId: 1,
    framework: 'nist-800-53-rev5',
    controlId,
    family: controlId === 'S1.1.1' ? 'SOC' : 'AC',
  }),
)

function controls(selector: ControlSelector, members?: readonly string[]): string[] {
  const baseline = members && { name: 'low', frameworks: ['nist-800-53-rev5'], members: new Set(members) }
  const catalogs = [{ id: 1, name: 'nist', framework: 'nist-800-53-rev5' }]
  const { chosen } = chooseControls(CONTROLS, normal(selector), {
    members: baseline && baselineControls(baseline, CONTROLS, catalogs),
    hasRules: isNist80053,
  })
  return chosen.map(({ controlId }) => controlId)
}

function normal(selector: ControlSelector): ControlSelector {
  return normalizeSelection({ controls: selector })?.controls ?? {}
}

describe('controls', () => {
  it.each<[ControlSelector, string[]]>([
    [{ include: ['AC-2'] }, ['ac-02']],
    [{ include: ['ac-02', 'AC-2.1'] }, ['ac-02', 'AC-2(1)']],
    [{ include: ['ac-2(*)'] }, ['AC-2(1)', 'AC-2(10)']],
    [{ include: ['AC-2*'] }, ['ac-02', 'AC-2(1)', 'AC-2(10)', 'AC-20']],
    [{ include: ['aC-?'] }, ['AC-1', 'ac-02']],
    [{ families: ['au'] }, ['AU-2', 'AU-12']],
    [{ families: ['AU'], include: ['AC-1'] }, ['AC-1', 'AU-2', 'AU-12']],
    [{ families: ['soc'] }, ['S1.1.1']],
    [{ include: ['ODD*'] }, ['odd id']],
    [{ include: ['s1.*'] }, ['S1.1.1']],
    [{ exclude: ['AC-*', 'au-2'] }, ['AU-12', 'S1.1.1', 'odd id']],
    [{ include: ['%'] }, []],
  ])('%j', (selector, ids) => {
    expect(controls(selector)).toEqual(ids)
  })

  it('of a baseline', () => {
    expect(controls({ baseline: 'low' }, ['ac-2', 'au-2'])).toEqual(['ac-02', 'AU-2'])
    expect(controls({ baseline: 'low', families: ['AC'] }, ['ac-2', 'au-2'])).toEqual(['ac-02'])
    expect(controls({ baseline: 'low', exclude: ['*'] }, ['ac-2', 'au-2'])).toEqual([])
  })
})

describe('the number of matches of each condition', () => {
  const tally = (selector: ControlSelector): string => {
    const members = new Set(CONTROLS.slice(0, 4))
    return chooseControls(CONTROLS, normal(selector), { members, hasRules: isNist80053 }).tally()
  }

  it.each<[ControlSelector, string]>([
    [{}, ''],
    [{ include: ['AC-2*'], families: ['AU'] }, 'include and families 6'],
    [{ framework: 'nist-800-53' }, 'framework nist-800-53 9'],
    [{ baseline: 'low', exclude: ['AC-*'] }, 'baseline low 4, exclude 5'],
    [{ include: ['AC-1'], framework: 'ism' }, 'include and families 0, framework ism 0'],
  ])('of %j is "%s"', (selector, text) => {
    expect(tally(selector)).toBe(text)
  })
})

it('a stored family counts in either case, for an id that names none', () => {
  const rows = [{ id: 1, catalogId: 1, framework: undefined, controlId: '1.2.3', family: ' soc ' }]
  const { chosen } = chooseControls(rows, normal({ families: ['SOC'] }), { hasRules: isNist80053 })
  expect(chosen).toEqual(rows)
})

describe('controls of several frameworks', () => {
  const FRAMEWORKS = ['nist-800-53-rev5', 'nist-800-53-rev4', 'sp-800-171', 'ism', undefined]
  const IDS = [
    ['AC-2', 'AC-3', 'AU-2'],
    ['AC-2', 'AC-4'],
    ['AC-02', 'AC-2', 'AC-9'],
    ['ISM-0445', 'AC-2'],
    ['AC-2', 'X-1'],
  ]
  const rows = IDS.flatMap((ids, catalogId) =>
    ids.map((controlId, at) => ({
      id: catalogId * 10 + at,
      catalogId,
      framework: FRAMEWORKS[catalogId],
      controlId,
      family: controlId.split('-')[0]!,
    })),
  )
  const choose = (selector: ControlSelector) =>
    chooseControls(rows, normal(selector), { hasRules: isNist80053 })
  const chosen = (selector: ControlSelector): string[] =>
    choose(selector).chosen.map(({ catalogId, controlId }) => `${catalogId} ${controlId}`)

  it.each<[ControlSelector, string[]]>([
    [{ include: ['AC-2'] }, ['0 AC-2', '1 AC-2']],
    [{ include: ['ac-02'] }, ['0 AC-2', '1 AC-2']],
    [{ include: ['AC-9'] }, ['2 AC-9']],
    [{ include: ['ism-0445'] }, ['3 ISM-0445']],
    [{ include: ['ISM-445'] }, []],
    [{ include: ['X-*'] }, ['4 X-1']],
    [{ families: ['AC'] }, ['0 AC-2', '0 AC-3', '1 AC-2', '1 AC-4']],
    [{ families: ['ISM'], include: ['AU-2'] }, ['0 AU-2', '3 ISM-0445']],
    [{ include: ['AC-2'], framework: 'NIST SP 800-53 Rev. 5' }, ['0 AC-2']],
    [{ include: ['ac-02'], framework: 'nist-800-53' }, ['0 AC-2', '1 AC-2']],
    [{ include: ['AC-02'], framework: 'sp-800-171' }, ['2 AC-02']],
    [{ include: ['AC-2'], framework: 'sp-800-171' }, ['2 AC-2']],
    [{ families: ['AC'], framework: 'ism' }, ['3 AC-2']],
    [{ framework: 'ism' }, ['3 ISM-0445', '3 AC-2']],
    [{ framework: 'iso' }, []],
    [{ include: ['*-2'] }, ['0 AC-2', '0 AU-2', '1 AC-2', '2 AC-2', '3 AC-2', '4 AC-2']],
    [{ exclude: ['AC-*', 'X-1', '*-0*'] }, ['0 AU-2', '2 AC-2', '2 AC-9', '3 AC-2', '4 AC-2']],
  ])('%j', (selector, pairs) => {
    expect(chosen(selector)).toEqual(pairs)
  })

  it('names the controls of the same name that it leaves out', () => {
    const { namesakes } = choose({ include: ['AC-2'], families: ['AU'], exclude: ['AC-3'] })
    expect(namesakes.map(({ text, controls: left }) => [text, left.map(({ id }) => id)])).toEqual([
      ['AC-2', [21, 31, 40]],
    ])
    expect(choose({ include: ['AC-2'], framework: 'nist-800-53' }).namesakes).toEqual([])
  })

  it('suggests the published spelling', () => {
    expect(choose({ include: ['ISM-445', 'AC-2'] }).unmatched).toEqual(['ISM-445 (did you mean ISM-0445?)'])
  })
})
