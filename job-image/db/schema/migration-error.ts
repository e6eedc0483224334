import { InputError, asError } from '../../errors.ts'
import { sqlState } from '../session/errors.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
/** SQLSTATE classes of errors caused by the state of the database: a retry does not help. */
const REFUSING_CLASSES = new Set(['0A', '22', '23', '2B', '42'])

/** Adds the remedy to an error of a migration step that is caused by the state of the database; returns others unchanged. */
export function migrationError(thrown: unknown, what: string, more = ''): unknown {
  const state = sqlState(thrown) ?? ''
  if (!REFUSING_CLASSES.has(state.slice(0, 2))) return thrown
  const remedy =
    state === INSUFFICIENT_PRIVILEGE
      ? 'run "rapidrmf db migrate" as the owner of the tables'
      : 'the tables are not as rapidrmf needs them (docs/tables.md): change them, or give rapidrmf a schema of its own'
  return new InputError(`${what}: ${asError(thrown).message}; ${remedy}${more}`, { cause: thrown })
}
