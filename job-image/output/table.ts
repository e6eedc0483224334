import Table from 'cli-table3'
import displayWidth from 'string-width'
import { printable } from '../../common/printable.ts'

/** One column: its heading, its values, and its behavior on a narrow terminal. */
export type Column<Row> = {
  readonly title: string
  readonly value: (row: Row) => string | number | null | undefined
  readonly align?: 'left' | 'right'
  /** The preferred minimum width of its texts. Texts of a column without one are never truncated. */
  readonly minWidth?: number
  /**
   * The order in which columns are omitted on a narrow terminal: the highest rank first. A column without a rank is
   * always shown.
   */
  readonly rank?: number
}

const PADDING = 2

/** The absolute minimum width of a text or a heading. */
const LEAST_WIDTH = 4

/**
 * A box table. Cells are one line each: line breaks and control characters (also terminal escapes that a name in the
 * database may hold) are shown as symbols. With `width` (terminal columns) it is fitted: columns with a rank are left
 * out until the others fit in comfort, texts are cut with an ellipsis, and a number is never cut. A line below the table
 * names the columns that were left out.
 */
export function renderTable<Row>(
  allColumns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly width?: number | undefined } = {},
): string {
  // A terminal of 0 columns is one that does not say how wide it is.
  const width = options.width === 0 ? undefined : options.width
  const allCells = rows.map((row) => allColumns.map(({ value }) => printable(String(value(row) ?? ''))))
  const isShown = width === undefined ? () => true : shownAt(allColumns, allCells, width)
  const columns = allColumns.filter((_, index) => isShown(index))
  const cells = allCells.map((row) => row.filter((_, index) => isShown(index)))
  const table = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], compact: true },
    colWidths: width === undefined ? [] : fittedWidths(columns, cells, width),
  })
  table.push(...cells)
  const leftOut = allColumns.filter((_, index) => !isShown(index)).map(({ title }) => title)
  return `${table.toString()}\n${leftOut.length === 0 ? '' : leftOutNote(leftOut, width)}`
}

/** Selects the shown columns: columns of the highest ranks are omitted until the others have their preferred widths. */
function shownAt<Row>(
  columns: readonly Column<Row>[],
  cells: readonly string[][],
  width: number,
): (index: number) => boolean {
  const measured = measure(columns, cells)
  const shown = new Set(columns.keys())
  const widthNeeded = (): number =>
    [...shown].reduce((sum, index) => sum + (measured[index]?.withoutHeading ?? 0), 0)
  const droppable = [...columns.entries()]
    .filter(([, { rank }]) => rank !== undefined)
    .sort(([i, a], [j, b]) => (b.rank ?? 0) - (a.rank ?? 0) || j - i)
  for (const [index] of droppable) {
    if (widthNeeded() <= roomFor(shown.size, width)) break
    shown.delete(index)
  }
  return (index) => shown.has(index)
}

/** The width that borders and padding leave for the texts of so many columns. */
function roomFor(columns: number, width: number): number {
  return width - (columns + 1) - columns * PADDING
}

/** Kept within the width itself: a line that the terminal wraps would look like part of the table. */
function leftOutNote(titles: readonly string[], width = Infinity): string {
  const text = `not shown at this width: ${titles.join(', ')}`
  if (displayWidth(text) <= width) return `${text}\n`
  return `${titles.length === 1 ? '1 column is' : `${titles.length} columns are`} not shown at this width\n`
}

/**
 * Texts give way first, down to their columns' comfortable minimum; when that is not enough, the headings of numbers;
 * and then texts once more.
 */
function fittedWidths<Row>(
  columns: readonly Column<Row>[],
  cells: readonly string[][],
  width: number,
): number[] {
  const measured = measure(columns, cells)
  const room = roomFor(columns.length, width)
  const stages = [
    measured.map(({ comfortable }) => comfortable),
    measured.map(({ withoutHeading }) => withoutHeading),
    measured.map(({ withoutHeading, least }) => least ?? withoutHeading),
  ]
  const natural = measured.map((each) => each.natural)
  return stages
    .reduce((widths, minima) => shrunk(widths, minima, room), natural)
    .map((each) => each + PADDING)
}

type Measured = {
  readonly natural: number
  readonly comfortable: number
  readonly withoutHeading: number
  readonly least: number | undefined
}

function measure<Row>(columns: readonly Column<Row>[], cells: readonly string[][]): Measured[] {
  return columns.map(({ title, align, minWidth }, index) => {
    const content = Math.max(0, ...cells.map((row) => displayWidth(row[index] ?? '')))
    const natural = Math.max(displayWidth(title), content)
    const comfortable = Math.min(natural, minWidth ?? natural)
    const number = align === 'right' && minWidth === undefined
    return {
      natural,
      comfortable,
      withoutHeading: number ? Math.min(natural, Math.max(content, LEAST_WIDTH)) : comfortable,
      least: number || minWidth === undefined ? undefined : Math.min(comfortable, LEAST_WIDTH),
    }
  })
}

/** Reduces the columns with the most spare width first, until all fit or none has any left. */
function shrunk(widths: number[], minima: readonly number[], room: number): number[] {
  const result = [...widths]
  let excess = result.reduce((sum, each) => sum + each, 0) - room
  while (excess > 0) {
    const spare = result.map((each, index) => each - (minima[index] ?? 0))
    const most = Math.max(...spare)
    if (most <= 0) break
    const widest = spare.indexOf(most)
    result[widest] = (result[widest] ?? 0) - 1
    excess -= 1
  }
  return result
}
