export type Statement = {
  /** `SELECT`, `COPY`, `BEGIN`, … */
  readonly operation: string
  /** The first table it names, if any. */
  readonly table: string | undefined
  /** The name of its span; it does not depend on values, so there are few names. */
  readonly summary: string
}

const FIRST_WORD = /^\s*([a-z]+)/i
/** A table after a keyword; a subquery or a function is not matched. */
const TABLE = /\b(?:from|into|update|copy|table)\s+(?:only\s+)?([a-z_][a-z0-9_.]*)\b(?!\()/i

/** Describes a statement by its text alone; its values are never read. */
export function describeStatement(text: string): Statement {
  const operation = FIRST_WORD.exec(text)?.[1]?.toUpperCase() ?? 'SQL'
  const table = TABLE.exec(text)?.[1]
  return { operation, table, summary: table === undefined ? operation : `${operation} ${table}` }
}
