import { isoTimestamp } from '../time.ts'
import type { ResultRow } from '../db/record/result-reads.ts'
import { write } from '../io.ts'
import type { Output } from '../io.ts'
import { tableWidth } from './table-width.ts'
import type { Column } from './table.ts'

/** Takes results as they come; nothing is kept for longer than a table needs to find its widths. */
export type ResultWriter = {
  rows(rows: readonly ResultRow[]): Promise<void>
  /** Writes what ends the document. */
  end(): Promise<void>
}

export type ResultFormat = 'table' | 'json' | 'csv'

export type TableOptions = {
  /** True if a table needs them to distinguish controls; JSON and CSV always have them. */
  readonly catalogs: boolean
  /** A table with all columns and whole texts also on a terminal. */
  readonly wide: boolean
}

export async function resultWriter(
  format: ResultFormat,
  output: Output,
  options: TableOptions,
): Promise<ResultWriter> {
  if (format === 'json') return jsonWriter(output)
  return format === 'csv' ? csvWriter(output) : terminalWriter(output, options)
}

/** A result as scripts see it, in the order of the columns. */
function resultJson(row: ResultRow): Record<(typeof CSV_COLUMNS)[number] | 'attributes', unknown> {
  return {
    run_id: row.runId,
    system: row.system,
    control: row.control,
    status: row.status,
    message: row.message,
    evidence_keys: row.evidenceKeys,
    remediation: row.remediation,
    validated_at: isoTimestamp(row.validatedAt),
    environment: row.environment,
    catalog: row.catalog,
    confirmed_at: isoTimestamp(row.confirmedAt),
    attributes: row.attributes,
  }
}

/** One array, a row a line: valid JSON as a whole, and readable by tools that take lines. */
function jsonWriter(output: Output): ResultWriter {
  let separator = '['
  return {
    async rows(rows) {
      for (const part of parts(rows)) {
        const lines = part.map((row) => JSON.stringify(resultJson(row)))
        await write(output, `${separator}\n${lines.join(',\n')}`)
        separator = ','
      }
    },
    end: () => write(output, separator === '[' ? '[]\n' : '\n]\n'),
  }
}

const CSV_COLUMNS = [
  'run_id',
  'system',
  'control',
  'status',
  'message',
  'evidence_keys',
  'remediation',
  'validated_at',
  'environment',
  'catalog',
  'confirmed_at',
] as const

/**
 * Writes CSV according to RFC 4180. Evidence keys are a JSON list in their cell, because a key may contain any separator.
 * Spreadsheets open CSV, and names are untrusted: a text that would be a formula (it starts with = + - @, a tab or a line
 * break) is prefixed with an apostrophe. The JSON has the exact text.
 */
async function csvWriter(output: Output): Promise<ResultWriter> {
  const { stringify } = await import('csv-stringify/sync')
  const csv = (records: unknown[][]): string =>
    // By itself csv-stringify leaves a lone line break unquoted when records end with CR LF.
    stringify(records, { record_delimiter: 'windows', escape_formulas: true, quoted_match: /[\r\n]/ })
  let header = csv([[...CSV_COLUMNS]])
  const flushHeader = async (): Promise<void> => {
    if (header !== '') await write(output, header)
    header = ''
  }
  return {
    async rows(rows) {
      await flushHeader()
      for (const part of parts(rows)) await write(output, csv(part.map(csvRecord)))
    },
    end: flushHeader,
  }
}

function csvRecord(row: ResultRow): unknown[] {
  const json = { ...resultJson(row), evidence_keys: JSON.stringify(row.evidenceKeys) }
  return CSV_COLUMNS.map((column) => json[column])
}

/** Rows of one write: some 64 KiB, what a pipe holds. */
const PART_ROWS = 150

export function* parts(rows: readonly ResultRow[]): Generator<readonly ResultRow[]> {
  for (let from = 0; from < rows.length; from += PART_ROWS) yield rows.slice(from, from + PART_ROWS)
}

/** Rows per table. The widths of a table depend on all its rows, so a long list becomes several tables. */
const TABLE_ROWS = 100

/** The narrowest terminal for a table: below, it would truncate the message, so each result is a paragraph. */
const NARROWEST_TABLE = 100

async function terminalWriter(output: Output, { catalogs, wide }: TableOptions): Promise<ResultWriter> {
  const width = tableWidth(output, { wide })
  if (width === undefined || width >= NARROWEST_TABLE) return tableWriter(output, catalogs, width)
  const { paragraphWriter } = await import('./result-paragraphs.ts')
  return paragraphWriter(output, catalogs, width)
}

async function tableWriter(
  output: Output,
  catalogs: boolean,
  width: number | undefined,
): Promise<ResultWriter> {
  const { renderTable } = await import('./table.ts')
  const columns = catalogs ? COLUMNS.toSpliced(CATALOG_AT, 0, CATALOG_COLUMN) : COLUMNS
  let waiting: ResultRow[] = []
  const flush = async (): Promise<void> => {
    if (waiting.length > 0) await write(output, renderTable(columns, waiting, { width }))
    waiting = []
  }
  return {
    async rows(rows) {
      for (const row of rows) {
        waiting.push(row)
        if (waiting.length === TABLE_ROWS) await flush()
      }
    },
    end: flush,
  }
}

const COLUMNS: readonly Column<ResultRow>[] = [
  { title: 'Run', value: ({ runId }) => runId },
  { title: 'System', value: ({ system }) => system, minWidth: 12 },
  { title: 'Control', value: ({ control }) => control },
  { title: 'Status', value: ({ status }) => status, minWidth: 8 },
  { title: 'Message', value: ({ message }) => message, minWidth: 40 },
  { title: 'Evidence', value: ({ evidenceKeys }) => keysText(evidenceKeys), minWidth: 12, rank: 7 },
  { title: 'Remediation', value: ({ remediation }) => remediation, minWidth: 12, rank: 7 },
  { title: 'Validated', value: ({ validatedAt }) => isoTimestamp(validatedAt), minWidth: 11, rank: 7 },
]

const CATALOG_COLUMN: Column<ResultRow> = { title: 'Catalog', value: ({ catalog }) => catalog, minWidth: 8 }
/** Index of the catalog's column, after the control. */
const CATALOG_AT = 3

/** Evidence keys in one line; what another program wrote in place of a list is shown as JSON. */
export function keysText(keys: unknown): string {
  if (!Array.isArray(keys)) return JSON.stringify(keys)
  return keys.map((key: unknown) => (typeof key === 'string' ? key : JSON.stringify(key))).join(', ')
}
