import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { databaseEncoding } from './encoding.ts'
import { idSpace } from './id-exhaustion.ts'
import type { IdSpace } from './id-exhaustion.ts'
import { hiddenTables, schemaOf, surroundings } from './installation.ts'
import { schemaStatus } from './schema.ts'
import { indexProblems } from './shared-indexes.ts'
import type { IndexProblem } from './shared-indexes.ts'
import type { SchemaStatus } from './schema.ts'
import { foundTables, shapeProblems } from './table-shapes.ts'
import type { ShapeProblem } from './table-shapes.ts'

/** The output of `rapidrmf db status`; the keys are those of its JSON. */
export type DatabaseStatus = SchemaStatus & {
  /** True if nothing has to be done. */
  readonly ready: boolean
  /** The schema of the existing or future tables; null if none can be chosen (see `schema_problem`). */
  readonly schema: string | null
  readonly schema_problem: string | null
  /** Tables of other installations, as `schema.table`, that are hidden by tables of the same names. */
  readonly hidden: readonly string[]
  readonly table_problems: readonly ShapeProblem[]
  readonly encoding: string
  readonly encoding_problem: string | null
  /** The indexes that "db migrate" builds in a fully migrated database. */
  readonly index_problems: readonly IndexProblem[]
  /** Null for bigint ids. */
  readonly result_ids: IdSpace | null
}

export async function databaseStatus(client: Client): Promise<DatabaseStatus> {
  const status = await schemaStatus(client)
  const found = await surroundings(client)
  const problems = shapeProblems(await foundTables(client))
  const indexes = status.pending.length === 0 ? await indexProblems(client) : []
  const place = placeOf(() => schemaOf(found))
  const { encoding, problem: encodingProblem } = await databaseEncoding(client)
  const fits = problems.every(({ affects }) => affects !== 'run') && encodingProblem === null
  return {
    ...status,
    ready:
      status.pending.length + status.unknown.length + indexes.length === 0 && place.schema !== null && fits,
    ...place,
    hidden: hiddenTables(found).map(({ schema, name }) => `${schema}.${name}`),
    table_problems: problems,
    encoding,
    encoding_problem: encodingProblem,
    index_problems: indexes,
    result_ids: (await idSpace(client)) ?? null,
  }
}

function placeOf(choose: () => string): Pick<DatabaseStatus, 'schema' | 'schema_problem'> {
  try {
    return { schema: choose(), schema_problem: null }
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return { schema: null, schema_problem: error.message }
  }
}
