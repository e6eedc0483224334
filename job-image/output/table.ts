import Table from 'cli-table3'
import displayWidth from 'string-width'

/** One column: its heading, how to show a row in it, and how many columns it may shrink to on a narrow terminal. */
export type Column<Row> = {
  readonly title: string
  readonly value: (row: Row) => string | number | null | undefined
  readonly align?: 'left' | 'right'
  /** Columns with a minimum give way when the table is wider than the terminal; the others keep their width. */
  readonly minWidth?: number
}

const PADDING = 2

/**
 * A box table. Cells are one line each: line breaks and control characters (also terminal escapes that a name in the
 * database may hold) are shown as symbols. With `width` (terminal columns) it is fitted by cutting the columns that may shrink.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly width?: number | undefined } = {},
): string {
  const cells = rows.map((row) => columns.map((column) => printable(String(column.value(row) ?? ''))))
  const table = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], compact: true },
    ...(options.width === undefined ? {} : { colWidths: fittedWidths(columns, cells, options.width) }),
  })
  table.push(...cells)
  return `${table.toString()}\n`
}

/** Takes the excess from the shrinkable columns, widest first, until the table fits or none can give more. */
function fittedWidths<Row>(
  columns: readonly Column<Row>[],
  cells: readonly string[][],
  width: number,
): number[] {
  const widths = columns.map(
    ({ title }, index) =>
      PADDING + Math.max(displayWidth(title), ...cells.map((row) => displayWidth(row[index] ?? ''))),
  )
  const borders = columns.length + 1
  let excess = widths.reduce((sum, each) => sum + each, borders) - width
  while (excess > 0) {
    const spare = columns.map(({ minWidth }, index) =>
      minWidth === undefined ? 0 : (widths[index] ?? 0) - minWidth - PADDING,
    )
    const most = Math.max(...spare)
    if (most <= 0) break
    const widest = spare.indexOf(most)
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
  return widths
}

const CONTROL = /\p{Cc}|\p{Cf}/gu

/** Control and format characters as visible symbols: U+2400 + code for C0, `�` for the rest; joiners in emoji stay. */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, (character) => {
    const code = character.codePointAt(0) ?? 0
    if (code === 0x200d) return character
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : '\uFFFD'
  })
}
