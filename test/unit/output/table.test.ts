import displayWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { renderTable } from '../../../job-image/output/table.ts'
import type { Column } from '../../../job-image/output/table.ts'

type Row = { readonly id: number; readonly name: string; readonly note: string | null }

const COLUMNS: readonly Column<Row>[] = [
  { title: 'Identifier', value: ({ id }) => id, align: 'right' },
  { title: 'Name', value: ({ name }) => name, minWidth: 8 },
  { title: 'Note', value: ({ note }) => note, minWidth: 6, rank: 1 },
]
const ROWS: readonly Row[] = [
  { id: 7, name: 'payments', note: null },
  { id: 1_234_567, name: 'ledger of the north', note: 'a note of some length' },
]
const render = (width?: number, columns = COLUMNS, rows = ROWS) =>
  renderTable(columns, rows, { width }).trimEnd().split('\n')

it('without a width shows every text', () => {
  expect(render()).toEqual([
    '┌────────────┬─────────────────────┬───────────────────────┐',
    '│ Identifier │ Name                │ Note                  │',
    '├────────────┼─────────────────────┼───────────────────────┤',
    '│          7 │ payments            │                       │',
    '│    1234567 │ ledger of the north │ a note of some length │',
    '└────────────┴─────────────────────┴───────────────────────┘',
  ])
  expect(render(0)).toEqual(render())
})

it('shows control characters as symbols, so that a cell is one line', () => {
  const text = render(undefined, COLUMNS, [{ id: 1, name: 'a\n\u001B[31mb', note: '' }]).join('\n')
  expect(text).not.toContain('\u001B')
  expect(text.split('\n')).toHaveLength(5)
})

describe('on a terminal', () => {
  it.each([59, 50, 42, 36, 30, 26, 24])('of %i columns no line is longer', (width) => {
    const lines = render(width)
    for (const line of lines.slice(0, 6)) expect(displayWidth(line)).toBeLessThanOrEqual(width)
  })

  it('truncates texts before it omits a column, and never a number', () => {
    const lines = render(40)
    expect(lines[1]).toContain('Note')
    expect(lines[4]).toMatch(/│ +1234567 │ ledger.*… │/)
    expect(lines).toHaveLength(6)
  })

  it('then omits the columns of the highest rank, and names them', () => {
    const lines = render(29)
    expect(lines[1]).not.toContain('Note')
    expect(lines.at(-1)).toBe('not shown at this width: Note')
    expect(lines[4]).toContain('1234567')
  })

  it('counts the omitted columns where their names do not fit', () => {
    const long = COLUMNS.map((column) =>
      column.title === 'Note' ? { ...column, title: 'A note of many words', minWidth: 20 } : column,
    )
    expect(render(30, long).at(-1)).toBe('1 column is not shown at this width')
  })

  it('gives texts what numbers leave, and truncates the heading of a number last', () => {
    const lines = render(24)
    expect(lines[1]).toMatch(/│ Ident.*… │ Name +│/)
    expect(lines[4]).toContain(' 1234567 │')
  })

  it('omits the later one of two columns of one rank first', () => {
    const columns: readonly Column<Row>[] = [
      { title: 'First', value: () => 'x'.repeat(10), rank: 1 },
      { title: 'Second', value: () => 'x'.repeat(10), rank: 1 },
      { title: 'Third', value: () => 'x'.repeat(10), rank: 2 },
      { title: 'Always', value: () => 'x'.repeat(10) },
    ]
    const omitted = (width: number) => render(width, columns).at(-1)
    expect(omitted(50)).toBe('not shown at this width: Third')
    expect(render(35, columns)[1]).toMatch(/^│ First +│ Always +│$/)
    expect(omitted(35)).toBe('2 columns are not shown at this width')
    expect(render(53, columns)).toHaveLength(6)
    expect(omitted(52)).toBe('not shown at this width: Third')
  })

  it('never truncates the heading of a text column without a preferred width', () => {
    const columns: readonly Column<Row>[] = [
      { title: 'A long heading', value: () => 'x' },
      { title: 'Text', value: () => 'x'.repeat(20), minWidth: 4 },
    ]
    expect(render(20, columns)[1]).toMatch(/^│ A long heading │ Text │$/)
  })
})
