import fc from 'fast-check'
import { expect, it } from 'vitest'
import { schemaOf } from '../../../../job-image/db/schema/installation.ts'
import type { Surroundings } from '../../../../job-image/db/schema/installation.ts'
import { MIGRATIONS_TABLE, OWN_TABLES, SHARED_TABLES } from '../../../../job-image/db/schema/shared-tables.ts'
import { InputError } from '../../../../job-image/errors.ts'

const NAMES = [...Object.keys(SHARED_TABLES), ...OWN_TABLES, MIGRATIONS_TABLE]
const SCHEMAS = ['a', 'b', 'c', 'd']

/** The schema that a name means, as PostgreSQL looks it up. */
const lookUp = (tables: readonly { name: string; schema: string }[], path: readonly string[], name: string) =>
  path.find((schema) => tables.some((table) => table.name === name && table.schema === schema))

const anySurroundings = fc
  .record({
    path: fc.uniqueArray(fc.constantFrom(...SCHEMAS), { minLength: 0, maxLength: 3 }),
    chosen: fc.boolean(),
    // Few schemas with any, or nearly everything would be refused.
    placed: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('systems', 'evidence', 'job_runs', 'baselines', MIGRATIONS_TABLE),
        schema: fc.oneof({ weight: 4, arbitrary: fc.constant('b') }, fc.constantFrom(...SCHEMAS)),
      }),
      { selector: ({ name, schema }) => `${schema}.${name}`, maxLength: 6 },
    ),
  })
  .map(({ path, chosen, placed }): Surroundings => {
    const tables = placed.map((table) => ({
      ...table,
      visible: lookUp(placed, path, table.name) === table.schema,
    }))
    return { role: 'r', searchPath: path.join(', '), path, chosen, tables }
  })

it('migrating hides no table, and every name means a table of the chosen schema afterwards', () => {
  let chosen = 0
  fc.assert(
    fc.property(anySurroundings, (found) => {
      let schema: string
      try {
        schema = schemaOf(found)
      } catch (error) {
        expect(error).toBeInstanceOf(InputError)
        return
      }
      chosen += 1
      const made = NAMES.filter((name) => lookUp(found.tables, found.path, name) === undefined)
      const after = [...found.tables, ...made.map((name) => ({ name, schema }))]
      for (const name of NAMES) {
        const before = lookUp(found.tables, found.path, name)
        expect(lookUp(after, found.path, name)).toBe(schema)
        if (before !== undefined) expect(before).toBe(schema)
      }
    }),
    { numRuns: 3_000 },
  )
  expect(chosen).toBeGreaterThan(300)
})
