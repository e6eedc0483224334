import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { MIGRATIONS_TABLE, OWN_TABLES, SHARED_TABLES } from './shared-tables.ts'

/** All tables that a migration creates. One of the same name in another schema would hide it, or be hidden. */
const TABLES = [...Object.keys(SHARED_TABLES), ...OWN_TABLES, MIGRATIONS_TABLE]

/** The tables that every installation has. */
const CORE = ['systems', 'job_runs']

/** A relation of one of these names, in any schema of the database. */
export type Located = {
  readonly name: string
  readonly schema: string
  /** True if the unqualified name refers to it in this session. */
  readonly visible: boolean
}

/** The search_path of this session, and the tables of the database. */
export type Surroundings = {
  readonly role: string
  /** The setting as it was written. */
  readonly searchPath: string
  /** Its schemas that exist and are usable, in order. */
  readonly path: readonly string[]
  /** True if the connection sets the path (options of the URL, PGOPTIONS, SET); false for the role's or a default. */
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
 * The schema to migrate: the one of the visible tables or, without any, the first schema of the path. Throws an
 * InputError if new tables would hide existing tables or be hidden by them.
 */
export function schemaOf(found: Surroundings): string {
  const visible = found.tables.filter((table) => table.visible)
  const [schema, ...others] = new Set(visible.map((table) => table.schema))
  if (schema === undefined) return emptySchema(found)
  if (others.length > 0) {
    throw ambiguousSchema(
      `tables of one installation are spread over several schemas: ${listing(visible)}`,
      found,
    )
  }
  // This schema was migrated before, so the programs of the installation use it.
  if (visible.some(({ name }) => name === MIGRATIONS_TABLE)) return schema
  if (schema !== found.path[0] && !visible.some(({ name }) => CORE.includes(name))) {
    throw ambiguousSchema(
      `the tables ${CORE.join(', ')} of an installation are missing, but others exist: ${listing(visible)}; new tables in "${found.path[0]}" would hide them`,
      found,
    )
  }
  const hidden = hiddenTables(found)
  if (hidden.length === 0) return schema
  throw ambiguousSchema(
    `there are two installations: ${listing([...visible, ...hidden])}; the tables of "${schema}" hide the others`,
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

/** The tables on the path that are hidden by tables of an earlier schema. */
export function hiddenTables({ tables, path }: Surroundings): Located[] {
  return tables.filter(({ visible, schema }) => !visible && path.includes(schema))
}

/**
 * The tables outside of the path that look like an installation. Their names are common, so one table alone does not.
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

function ambiguousSchema(problem: string, found: Surroundings): InputError {
  return new InputError(
    `${problem}; ${pathOf(found)}. Choose one schema by the database URL, ${urlOption('SCHEMA')}, or by ALTER ROLE ${quoted(found.role)} SET search_path TO SCHEMA; nothing was changed`,
  )
}

/** The problem and the remedy for an installation that is not visible to this session. */
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

/** The parameter of a database URL that sets the search_path; `SCHEMA` is a placeholder. */
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
