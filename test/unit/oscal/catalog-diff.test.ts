import { expect, test } from 'vitest'
import { planControls } from '../../../job-image/oscal/catalog-diff.ts'
import type { StoredControlRow } from '../../../job-image/oscal/catalog-diff.ts'
import type { WantedControl } from '../../../job-image/oscal/import.ts'

const ac2: WantedControl = {
  canonical: 'ac-2',
  controlId: 'AC-2',
  title: 'Account Management',
  family: 'AC',
  withdrawn: false,
  parent: undefined,
}
const ac21: WantedControl = {
  ...ac2,
  canonical: 'ac-2.1',
  controlId: 'AC-2.1',
  title: 'Automated',
  parent: 'AC-2',
}

function row(id: number, control_id: string, attributes: unknown = {}): StoredControlRow {
  return { id, control_id, title: 'Account Management', family: 'AC', attributes }
}

const plan = (wanted: WantedControl[], rows: StoredControlRow[], markRemoved = true) =>
  planControls(wanted, rows, { framework: 'nist-800-53-rev5', markRemoved })

test('adds what is missing, leaves alone what is equal', () => {
  const { inserts, updates, counts } = plan([ac2, ac21], [row(1, 'AC-2', { color: 'blue' })])
  expect(inserts).toEqual([ac21])
  expect(updates).toEqual([])
  expect(counts).toEqual({ added: 1, changed: 0, removed: 0, unchanged: 1 })
})

test('finds a row in any spelling and updates every duplicate, counting the control once', () => {
  const { inserts, updates, counts } = plan([ac2], [row(1, 'ac-02'), row(2, 'AC-2'), row(3, 'Ac-2')])
  expect(inserts).toEqual([])
  expect(updates.map(({ id, control_id }) => [id, control_id])).toEqual([
    [1, 'AC-2'],
    [3, 'AC-2'],
  ])
  expect(counts).toEqual({ added: 0, changed: 1, removed: 0, unchanged: 0 })
})

test('touches only its own keys of the attributes', () => {
  const { updates } = plan([{ ...ac2, withdrawn: true }], [row(1, 'AC-2', { color: 'blue', parent: 'x' })])
  expect(updates).toEqual([expect.objectContaining({ set: { withdrawn: true }, drop: ['parent'] })])
})

test('a control that is no longer withdrawn is marked so; a row that says nothing stays silent', () => {
  expect(plan([ac2], [row(1, 'AC-2', { withdrawn: true })]).updates[0]?.set).toEqual({ withdrawn: false })
  expect(plan([ac2], [row(1, 'AC-2', { withdrawn: false })]).updates).toEqual([])
})

test('marks a control that is gone once, and unmarks it when it returns', () => {
  const gone = plan([], [row(1, 'ac-02'), row(2, 'AC-2'), row(3, 'AC-9', { removed: true })])
  expect(gone.updates.map(({ id, control_id, set }) => [id, control_id, set])).toEqual([
    [1, 'ac-02', { removed: true }],
    [2, 'AC-2', { removed: true }],
  ])
  expect([gone.counts.removed, gone.removedIds]).toEqual([1, ['ac-02']])
  const back = plan([ac2], [row(1, 'AC-2', { removed: true, color: 'blue' })])
  expect(back.updates).toEqual([expect.objectContaining({ id: 1, set: {}, drop: ['removed'] })])
  expect(back.counts).toEqual({ added: 0, changed: 1, removed: 0, unchanged: 0 })
})

test('marks nothing as removed where the source is not the last word', () => {
  expect(plan([], [row(1, 'AC-9')], false)).toMatchObject({ updates: [], removedIds: [] })
})

test.each([[null], [[]], ['text'], [7]])('attributes that are %j count as none', (attributes) => {
  expect(plan([ac21], [{ ...row(1, 'AC-2.1', attributes), title: 'Automated' }]).updates[0]?.set).toEqual({
    parent: 'AC-2',
  })
})
