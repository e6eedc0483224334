import { expect, test } from 'vitest'
import { canonicalControlId } from '../../../job-image/rules/control-id.ts'
import { NIST_BASELINES, nistBaselineControls, nistIndex } from '../../../job-image/oscal/nist-index.ts'

test('holds the whole catalog: 322 controls and 867 enhancements, of which 24 and 158 are withdrawn', () => {
  const { controls, families } = nistIndex()
  const count = (enhancement: boolean, withdrawn: boolean): number =>
    controls.filter((each) => (each.parent !== undefined) === enhancement && each.withdrawn === withdrawn)
      .length

  expect(families).toHaveLength(20)
  expect(controls).toHaveLength(1189)
  expect([count(false, true), count(true, true)]).toEqual([24, 158])
  expect([count(false, false), count(true, false)]).toEqual([298, 709])
})

test('knows the members of the four baselines', () => {
  const sizes = NIST_BASELINES.map((baseline) => [baseline, nistBaselineControls(baseline).length])
  expect(sizes).toEqual([
    ['LOW', 149],
    ['MODERATE', 287],
    ['HIGH', 370],
    ['PRIVACY', 96],
  ])
  const selected = nistIndex().controls.filter(({ baselines }) => baselines.length > 0)
  expect(selected.filter(({ withdrawn }) => withdrawn)).toEqual([])
})

test('every id is canonical, unique, of a known family, and has its base control', () => {
  const { controls, byId, families } = nistIndex()
  const known = new Set(families.map(({ id }) => id))
  expect(byId.size).toBe(controls.length)
  for (const { id, family, parent } of controls) {
    expect(canonicalControlId(id, 'nist-800-53-rev5')).toBe(id)
    expect(known.has(family)).toBe(true)
    expect(parent === undefined || byId.has(parent)).toBe(true)
  }
})

test('answers for single controls', () => {
  const { byId, isWithdrawn } = nistIndex()
  expect(byId.get('ac-2.1')).toEqual({
    id: 'ac-2.1',
    title: 'Automated System Account Management',
    family: 'AC',
    withdrawn: false,
    parent: 'ac-2',
    baselines: ['MODERATE', 'HIGH'],
  })
  expect([isWithdrawn('ac-2.10'), isWithdrawn('ac-2'), isWithdrawn('zz-1')]).toEqual([true, false, false])
})
