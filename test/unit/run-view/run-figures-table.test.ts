import { expect, it } from 'vitest'
import type { ControlFigures } from '../../../job-image/db/record/control-figures.ts'
import { controlColumns } from '../../../job-image/run-view/run-figures-table.ts'

const FIGURES: ControlFigures = {
  control_id: 7,
  control: 'AC-2',
  catalog: 'nist-800-53-rev5',
  pass: 1,
  fail: 2,
  insufficient_evidence: 3,
  unknown: 4,
  decide_us: 1_234.5,
}
const cells = (row: ControlFigures, catalogs: boolean) =>
  controlColumns(catalogs).map(({ title, value }) => [title, value(row)])

it('a control has a column for each status and for the time in milliseconds', () => {
  expect(cells(FIGURES, false)).toEqual([
    ['Control', 'AC-2'],
    ['Pass', 1],
    ['Fail', 2],
    ['Insufficient', 3],
    ['Unknown', 4],
    ['Deciding', '1.234 ms'],
  ])
  const right = controlColumns(false).filter(({ align }) => align === 'right')
  expect(right.map(({ title }) => title)).toEqual(['Pass', 'Fail', 'Insufficient', 'Unknown', 'Deciding'])
})

it('the catalog is the second column where there are several', () => {
  expect(cells(FIGURES, true)[1]).toEqual(['Catalog', 'nist-800-53-rev5'])
  expect(cells(FIGURES, true)).toHaveLength(7)
})

it('a control without a name has its id', () => {
  expect(cells({ ...FIGURES, control: null, catalog: null }, true).slice(0, 2)).toEqual([
    ['Control', '(deleted, id 7)'],
    ['Catalog', null],
  ])
})
