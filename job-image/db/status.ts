import type { Client } from 'pg'
import { InputError } from '../errors.ts'
import { idSpace } from './id-space.ts'
import type { IdSpace } from './id-space.ts'
import { hiddenTables, schemaOf, surroundings } from './installation.ts'
import { schemaStatus } from './schema.ts'
import type { SchemaStatus } from './schema.ts'
import { foundTables, shapeProblems } from './table-shapes.ts'
import type { ShapeProblem } from './table-shapes.ts'

/** What `rapidrmf db status` shows; the keys are those of its JSON. */
export type DatabaseStatus = SchemaStatus & {
  /** Nothing has to be done before a run. */
  readonly ready: boolean
  /** Where the tables are, or would be made. Null: `schema_problem` says why none can be chosen. */
  readonly schema: string | null
  readonly schema_problem: string | null
  /** `schema.table`: tables of other installations that this session cannot see for tables of the same names. */
  readonly hidden: readonly string[]
  readonly table_problems: readonly ShapeProblem[]
  /** Null: bigint. */
  readonly result_ids: IdSpace | null
}

export async function databaseStatus(client: Client): Promise<DatabaseStatus> {
  const status = await schemaStatus(client)
  const found = await surroundings(client)
  const problems = shapeProblems(await foundTables(client))
  const place = placeOf(() => schemaOf(found))
  const fits = problems.every(({ affects }) => affects !== 'run')
  return {
    ...status,
    ready: status.pending.length + status.unknown.length === 0 && place.schema !== null && fits,
    ...place,
    hidden: hiddenTables(found).map(({ schema, name }) => `${schema}.${name}`),
    table_problems: problems,
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
