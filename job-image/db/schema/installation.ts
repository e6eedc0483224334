import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { MIGRATIONS_TABLE, OWN_TABLES, SHARED_TABLES } from './shared-tables.ts'

/** Every table that a migration makes; a table of such a name elsewhere would be hidden by it, or would hide it. */
const TABLES = [...Object.keys(SHARED_TABLES), ...OWN_TABLES, MIGRATIONS_TABLE]

/** The tables that no installation is without. */
const CORE = ['systems', 'job_runs']

/** A relation of one of these names, in any schema of the database. */
export type Located = {
  readonly name: string
  readonly schema: string
  /** What an unqualified name means to this session. */
  readonly visible: boolean
}

/** Where this session looks for tables, and what is there. */
export type Surroundings = {
  readonly role: string
  /** The setting as it was written. */
  readonly searchPath: string
  /** Its schemas that exist and may be used, in order. */
  readonly path: readonly string[]
  /** The connection itself chose the path (the URL's options, PGOPTIONS, SET); else it is the role's or a default. */
  readonly chosen: boolean
  readonly tables: readonly Located[]
}

export async function surroundings(client: Client): Promise<Surroundings> {
  const { rows } = await client.query<Surroundings>(
    `SELECT current_user AS role, current_setting('search_path') AS "searchPath",
            to_json(current_schemas(false)) AS path,
            (SELECT source IN ('client', 'session') FROM pg_settings WHERE name = 'search_path') AS chosen,
            (SELECT coalesce(json_agg(json_build_object('name', c.relname, 'schema', n.nspname,
                                                        'visible', pg_table_is_visible(c.oid))
                                      ORDER BY n.nspname, c.relname), '[]')
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') AS tables`,
    [TABLES],
  )
  return rows[0] as Surroundings
}

/**
 * The schema in which to migrate: where the tables are that this session's names mean, and the path's first schema where
 * there are none. Throws an InputError where tables that are made would hide, or be hidden by, tables that exist.
 */
export function schemaOf(found: Surroundings): string {
  const visible = found.tables.filter((table) => table.visible)
  const [schema, ...others] = new Set(visible.map((table) => table.schema))
  if (schema === undefined) return emptySchema(found)
  if (others.length > 0) {
    throw refusal(`tables of one installation are spread over several schemas: ${listing(visible)}`, found)
  }
  // Migrated before: its programs work with this schema, whatever else there is.
  if (visible.some(({ name }) => name === MIGRATIONS_TABLE)) return schema
  if (schema !== found.path[0] && !visible.some(({ name }) => CORE.includes(name))) {
    throw refusal(
      `no installation is found (${CORE.join(', ')}), but tables by names of its others: ${listing(visible)}; new tables in "${found.path[0]}" would hide them`,
      found,
    )
  }
  const hidden = hiddenTables(found)
  if (hidden.length === 0) return schema
  throw refusal(
    `two installations could be meant: ${listing([...visible, ...hidden])}; the tables of "${schema}" hide the others`,
    found,
  )
}

function emptySchema(found: Surroundings): string {
  const [first] = found.path
  if (first === undefined) {
    throw new InputError(
      `the search_path of role "${found.role}" (${found.searchPath}) names no schema that exists and that the role may use; create the schema, or choose one by the database URL: ${urlOption('SCHEMA')}`,
    )
  }
  if (found.chosen) return first
  const elsewhere = installationsElsewhere(found)
  if (elsewhere.length === 0) return first
  throw new InputError(`${elsewhereProblem(elsewhere, found)}; nothing was changed`)
}

/** Tables on the path that tables of an earlier schema hide. */
export function hiddenTables({ tables, path }: Surroundings): Located[] {
  return tables.filter(({ visible, schema }) => !visible && path.includes(schema))
}

/**
 * Tables off the path that look like an installation. The names are common ones, so one of them alone is none.
 */
export function installationsElsewhere({ tables, path }: Surroundings): Located[] {
  const bySchema = Map.groupBy(
    tables.filter(({ schema }) => !path.includes(schema)),
    ({ schema }) => schema,
  )
  return [...bySchema.values()].filter(isInstallation).flat()
}

function isInstallation(tables: readonly Located[]): boolean {
  const names = new Set(tables.map(({ name }) => name))
  return names.has(MIGRATIONS_TABLE) || (names.has('systems') && names.size > 1)
}

function refusal(problem: string, found: Surroundings): InputError {
  return new InputError(
    `${problem}; ${pathOf(found)}. Choose one schema by the database URL, ${urlOption('SCHEMA')}, or by ALTER ROLE ${quoted(found.role)} SET search_path TO SCHEMA; nothing was changed`,
  )
}

/** What to do about an installation that this session does not see. */
export function elsewhereProblem(elsewhere: readonly Located[], found: Surroundings): string {
  const [schema = ''] = elsewhere.map((table) => table.schema)
  const own = found.path[0] ?? 'SCHEMA'
  return (
    `an installation is outside of the search_path: ${listing(elsewhere)}; ${pathOf(found)}. To use it, add ${urlOption(schema)} to the database URL, ` +
    `or ALTER ROLE ${quoted(found.role)} SET search_path TO ${quoted(schema)}; for an installation of its own beside it, run "rapidrmf db migrate" with ${urlOption(own)}`
  )
}

function pathOf({ role, searchPath }: Surroundings): string {
  return `the search_path of role "${role}" is ${searchPath === '' ? 'empty' : searchPath}`
}

/** The parameter of a database URL that chooses a schema; `SCHEMA` stands for a name that the user knows. */
export function urlOption(schema: string): string {
  const name = /^([a-z_][a-z0-9_]*|SCHEMA)$/.test(schema)
    ? schema
    : quoted(schema).replaceAll(/[\\ ]/g, String.raw`\$&`)
  return `?options=-csearch_path%3D${encodeURIComponent(name)}`
}

/** `"public" has evidence, systems; "app" has controls` */
export function listing(tables: readonly Located[]): string {
  return [...Map.groupBy(tables, ({ schema }) => schema)]
    .map(([schema, found]) => `"${schema}" has ${found.map(({ name }) => name).join(', ')}`)
    .join('; ')
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
