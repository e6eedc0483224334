export type Statement = {
  /** `SELECT`, `COPY`, `BEGIN`, … */
  readonly operation: string
  /** The first table it names, if any. */
  readonly table: string | undefined
  /** What its span is called: few different ones, whatever the values. */
  readonly summary: string
}

const FIRST_WORD = /^\s*([a-z]+)/i
/** After a word that a table follows; a subquery or a function is none. */
const TABLE = /\b(?:from|into|update|copy|table)\s+(?:only\s+)?([a-z_][a-z0-9_.]*)\b(?!\()/i

/** What a statement is about, by its text alone; the values that go with it are never looked at. */
export function describeStatement(text: string): Statement {
  const operation = FIRST_WORD.exec(text)?.[1]?.toUpperCase() ?? 'SQL'
  const table = TABLE.exec(text)?.[1]
  return { operation, table, summary: table === undefined ? operation : `${operation} ${table}` }
}
