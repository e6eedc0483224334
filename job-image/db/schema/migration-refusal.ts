import { InputError, asError } from '../../errors.ts'
import { sqlState } from '../session/errors.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
/** SQLSTATE classes of a database that is not as a migration needs it: trying again does not help. */
const REFUSING_CLASSES = new Set(['0A', '22', '23', '2B', '42'])

/** The database's refusal of a migration's step, with what to do; any other error as it is. */
export function refusal(thrown: unknown, what: string, more = ''): unknown {
  const state = sqlState(thrown) ?? ''
  if (!REFUSING_CLASSES.has(state.slice(0, 2))) return thrown
  const remedy =
    state === INSUFFICIENT_PRIVILEGE
      ? 'run "rapidrmf db migrate" as the owner of the tables'
      : 'the tables are not as rapidrmf needs them (docs/tables.md): change them, or give rapidrmf a schema of its own'
  return new InputError(`${what}: ${asError(thrown).message}; ${remedy}${more}`, { cause: thrown })
}
