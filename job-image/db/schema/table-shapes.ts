import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { SHARED_TABLES } from './shared-tables.ts'
import type { SharedColumn, SharedTable } from './shared-tables.ts'
import { urlOption } from './installation.ts'

/** A column as the system catalogs describe it; a domain is resolved to its base type. */
export type FoundColumn = {
  readonly name: string
  /** `pg_type.typname` of the base type. */
  readonly type: string
  /** The declared type: `character varying(50)`. */
  readonly shown: string
  /** The limit of a varchar or char; null: none. */
  readonly length: number | null
  readonly notNull: boolean
  /** True if an insert may omit it: it has a default, or is an identity. */
  readonly filled: boolean
  /** True if no insert may give it a value. */
  readonly generated: boolean
  /** The labels of an enum. */
  readonly labels: readonly string[] | null
}

export type FoundTable = {
  readonly name: string
  /** `pg_class.relkind` */
  readonly kind: string
  /** True if a foreign key can reference `id`. */
  readonly keyed: boolean
  /** Columns of the partition key; an expression is an empty name. */
  readonly partitionedBy: readonly string[]
  readonly columns: readonly FoundColumn[]
}

/** One difference between a shared table and what this program needs. */
export type ShapeProblem = {
  readonly table: string
  readonly column: string | null
  readonly found: string
  readonly wanted: string
  readonly remedy: string
  /** What does not work: `run` means that a migration is refused; otherwise only the command of this name fails. */
  readonly affects: 'run' | 'inventory apply' | 'catalog import'
}

/** The shared tables that are visible to this session. */
export async function foundTables(client: Client): Promise<FoundTable[]> {
  const { rows } = await client.query<FoundTable>(FOUND_TABLES, [Object.keys(SHARED_TABLES)])
  return rows
}

const FOUND_TABLES = `
  WITH RECURSIVE base (oid, base) AS (
    SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT b.oid, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.base AND t.typtype = 'd')
  SELECT c.relname AS name, c.relkind::text AS kind,
         EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id'
                  WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
                    AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS keyed,
         (SELECT coalesce(json_agg(coalesce(a.attname, '')), '[]')
            FROM pg_partitioned_table p CROSS JOIN unnest(p.partattrs::int2[]) k
            LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k
           WHERE p.partrelid = c.oid) AS "partitionedBy",
         (SELECT coalesce(json_agg(json_build_object(
                   'name', a.attname, 'type', t.typname, 'shown', format_type(a.atttypid, a.atttypmod),
                   'length', CASE WHEN a.atttypmod > 4 AND t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END,
                   'notNull', a.attnotnull,
                   'filled', a.atthasdef OR a.attidentity <> '',
                   'generated', a.attgenerated <> '' OR a.attidentity = 'a',
                   'labels', (SELECT json_agg(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid))
                   ORDER BY a.attnum), '[]')
            FROM pg_attribute a
            JOIN pg_type t ON t.oid = coalesce((SELECT b.base FROM base b JOIN pg_type u ON u.oid = b.base
                                                 WHERE b.oid = a.atttypid AND u.typtype <> 'd'), a.atttypid)
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
    FROM pg_class c
   WHERE c.relname = ANY ($1) AND c.relkind NOT IN ('i', 'I') AND pg_table_is_visible(c.oid)
   ORDER BY c.relname`

/** All differences of existing tables. A missing table is no problem: a migration creates it. */
export function shapeProblems(tables: readonly FoundTable[]): ShapeProblem[] {
  const missing = new Set(
    Object.keys(SHARED_TABLES).filter((name) => !tables.some((table) => table.name === name)),
  )
  const referred = new Set([...missing].flatMap((name) => SHARED_TABLES[name]?.references ?? []))
  return tables.flatMap((table) => {
    const wanted = SHARED_TABLES[table.name]
    if (wanted === undefined) return []
    const kind = kindProblem(table, wanted)
    if (kind !== undefined) return [kind]
    return [
      ...keyProblems(table, wanted, referred),
      ...columnProblems(table, wanted),
      ...otherColumns(table, wanted),
    ]
  })
}

const KINDS: Readonly<Record<string, string>> = {
  r: 'a table',
  p: 'a partitioned table',
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  c: 'a composite type',
}

/** Checks the kind of a relation: any readable one can be read, but tables of runs get columns and indexes. */
function kindProblem(
  { name, kind, partitionedBy }: FoundTable,
  { insertedBy }: SharedTable,
): ShapeProblem | undefined {
  const found = KINDS[kind] ?? `a relation of kind ${kind}`
  const problem = (more: string, wanted: string): ShapeProblem => ({
    table: name,
    column: null,
    found: `${found}${more}`,
    wanted,
    remedy: 'make it an ordinary table',
    affects: 'run',
  })
  if (insertedBy !== 'run') return 'rpvmf'.includes(kind) ? undefined : problem('', 'a table or a view')
  if (kind === 'r') return undefined
  if (name !== 'validation_results') return problem('', 'an ordinary table')
  if (kind !== 'p') return problem('', 'a table')
  const allowed = ['system_id', 'control_id']
  return partitionedBy.every((column) => allowed.includes(column))
    ? undefined
    : problem(
        ` by ${partitionedBy.map((column) => (column === '' ? 'an expression' : column)).join(', ')}`,
        `a table, or one partitioned by ${allowed.join(', ')}: the unique index over run, system and control must hold the key`,
      )
}

/** Checks that the tables created by a migration can reference `id`; those of this program reference `job_runs`. */
function keyProblems(
  { name, kind, keyed }: FoundTable,
  { columns }: SharedTable,
  referred: ReadonlySet<string>,
): ShapeProblem[] {
  if (columns['id'] === undefined || !(referred.has(name) || name === 'job_runs')) return []
  if (keyed && 'rp'.includes(kind)) return []
  return [
    {
      table: name,
      column: 'id',
      found: 'rp'.includes(kind) ? 'no unique constraint on it alone' : (KINDS[kind] ?? kind),
      wanted: 'a primary key: tables that the migration makes refer to it',
      remedy: 'rp'.includes(kind)
        ? `ALTER TABLE ${name} ADD PRIMARY KEY (id)`
        : `make the missing tables of RapidRMF yourself, without foreign keys`,
      affects: 'run',
    },
  ]
}

function columnProblems(table: FoundTable, wanted: SharedTable): ShapeProblem[] {
  return Object.entries(wanted.columns).flatMap(([name, column]) => {
    const found = table.columns.find((each) => each.name === name)
    const problem =
      found === undefined ? missingColumn(table, name, column) : columnProblem(found, column, wanted)
    return problem === undefined ? [] : [{ table: table.name, column: name, ...problem }]
  })
}

type Finding = Omit<ShapeProblem, 'table' | 'column'>

function missingColumn({ name: table }: FoundTable, name: string, { type }: SharedColumn): Finding {
  return {
    found: 'no such column',
    wanted: type,
    remedy: `ALTER TABLE ${table} ADD COLUMN ${name} ${type}, and fill it`,
    affects: 'run',
  }
}

function columnProblem(
  found: FoundColumn,
  wanted: SharedColumn,
  { insertedBy }: SharedTable,
): Finding | undefined {
  const typed = typeProblem(found, wanted)
  if (typed !== undefined) return { ...typed, affects: 'run' }
  if (insertedBy === undefined) return undefined
  if (wanted.insert !== undefined && found.generated) {
    return {
      found: 'generated always',
      wanted: 'a column that inserts fill',
      remedy: 'drop the generation',
      affects: insertedBy,
    }
  }
  if (wanted.insert === 'nullable' && found.notNull) {
    return { found: 'NOT NULL', wanted: 'NULL allowed', remedy: `drop its NOT NULL`, affects: insertedBy }
  }
  return wanted.insert === undefined ? unfilled(found, insertedBy) : undefined
}

/** Checks the columns of other programs, which inserts omit. */
function otherColumns(table: FoundTable, { columns, insertedBy }: SharedTable): ShapeProblem[] {
  if (insertedBy === undefined) return []
  return table.columns
    .filter(({ name }) => columns[name] === undefined)
    .flatMap((column) => {
      const problem = unfilled(column, insertedBy)
      return problem === undefined ? [] : [{ table: table.name, column: column.name, ...problem }]
    })
}

function unfilled({ notNull, filled }: FoundColumn, affects: ShapeProblem['affects']): Finding | undefined {
  if (!notNull || filled) return undefined
  return {
    found: 'NOT NULL without a default',
    wanted: 'a default, or NULL allowed: rapidrmf does not fill it',
    remedy: 'give it a default',
    affects,
  }
}

/** Base types (`pg_type.typname`) that are compatible with a type of RapidRMF. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  integer: ['int4', 'int2', 'int8'],
  bigint: ['int8', 'int4', 'int2'],
  'character varying': ['varchar', 'text', 'citext'],
  text: ['text', 'varchar', 'citext'],
  'timestamp without time zone': ['timestamp', 'timestamptz'],
  json: ['json', 'jsonb'],
  validationstatus: ['varchar', 'text'],
}

export const STATUS_LABELS = ['PASS', 'FAIL', 'INSUFFICIENT_EVIDENCE', 'UNKNOWN']

function typeProblem(
  found: FoundColumn,
  { type, longest, fixedLength }: SharedColumn,
): Omit<Finding, 'affects'> | undefined {
  const family = type.replace(/\(.*$/, '')
  const serves =
    FAMILIES[family]?.includes(found.type) === true ||
    (fixedLength === true && found.type === 'bpchar') ||
    (family === 'validationstatus' && STATUS_LABELS.every((label) => found.labels?.includes(label) === true))
  const remedy = 'change its type'
  if (!serves) return { found: found.shown, wanted: type, remedy }
  if (found.length !== null && found.length < (longest ?? 0)) {
    return { found: found.shown, wanted: `room for ${longest} characters`, remedy }
  }
  return undefined
}

/** `systems.environment: no such column; wanted character varying(50); ALTER TABLE …` */
export function problemText({ table, column, found, wanted, remedy }: ShapeProblem): string {
  return `${table}${column === null ? '' : `.${column}`}: found ${found}, wanted ${wanted}; ${remedy}`
}

/** Throws an InputError with all differences that prevent runs. */
export function refuseShapes(problems: readonly ShapeProblem[]): void {
  const fatal = problems.filter(({ affects }) => affects === 'run')
  if (fatal.length === 0) return
  throw new InputError([
    ...fatal.map((problem) => ({ message: problemText(problem) })),
    {
      message: `these tables cannot be used as they are (docs/tables.md); if they belong to another program, give rapidrmf a schema of its own: CREATE SCHEMA rapidrmf, and add ${urlOption('rapidrmf')} to the database URL`,
    },
  ])
}
