/** A column of a shared table that this program reads or writes. */
export type SharedColumn = {
  /** The type in RapidRMF, as `format_type` spells it; a type of the same family works, too. */
  readonly type: string
  /**
   * What this program's inserts store: `value` is never NULL, `nullable` may be NULL. Absent: inserts omit the column, so
   * it must have a default or allow NULL.
   */
  readonly insert?: 'value' | 'nullable'
  /** Length of the longest text that this program stores, if it is fixed. */
  readonly longest?: number
  /** True if every value has the full length, so that `character(n)` pads none. */
  readonly fixedLength?: true
}

/** The command that inserts rows into a shared table. Runs need `validation_results` and `job_runs`. */
export type Inserter = 'run' | 'inventory apply' | 'catalog import'

export type SharedTable = {
  /** Absent if this program only reads the table, so that a view works, too. */
  readonly insertedBy?: Inserter
  /** Shared tables that it references by their `id`, if a migration creates it. */
  readonly references: readonly string[]
  readonly columns: Readonly<Record<string, SharedColumn>>
}

const id: SharedColumn = { type: 'integer' }
const reference: SharedColumn = { type: 'integer', insert: 'value' }
const time: SharedColumn = { type: 'timestamp without time zone', insert: 'value' }
const json: SharedColumn = { type: 'json', insert: 'value' }
const text: SharedColumn = { type: 'text', insert: 'value' }
const optionalText: SharedColumn = { type: 'text', insert: 'nullable' }
const varchar = (length: number): SharedColumn => ({
  type: `character varying(${length})`,
  insert: 'value',
})

/**
 * The tables that RapidRMF installations share, with the columns that this program uses; it ignores all others. The list
 * is the source of the check before a migration, of docs/tables.md and of the tests.
 */
export const SHARED_TABLES: Readonly<Record<string, SharedTable>> = {
  systems: {
    insertedBy: 'inventory apply',
    references: [],
    columns: {
      id,
      name: varchar(255),
      description: optionalText,
      environment: varchar(50),
      created_at: time,
      updated_at: { type: 'timestamp without time zone' },
      attributes: json,
    },
  },
  evidence: {
    insertedBy: 'inventory apply',
    references: ['systems'],
    columns: {
      id,
      system_id: reference,
      evidence_type: varchar(100),
      key: varchar(500),
      filename: { ...varchar(255), insert: 'nullable' },
      sha256: { ...varchar(64), fixedLength: true },
      size: { type: 'integer', insert: 'nullable' },
      collected_at: time,
      expires_at: { ...time, insert: 'nullable' },
      attributes: json,
    },
  },
  catalogs: {
    insertedBy: 'catalog import',
    references: [],
    columns: {
      id,
      name: varchar(100),
      title: varchar(255),
      version: { ...varchar(50), insert: 'nullable' },
      framework: varchar(100),
      baseline: { type: 'character varying(50)' },
      oscal_path: varchar(500),
      loaded_at: time,
      attributes: json,
    },
  },
  controls: {
    insertedBy: 'catalog import',
    references: ['catalogs'],
    columns: {
      id,
      catalog_id: reference,
      control_id: varchar(50),
      title: varchar(255),
      family: varchar(10),
      remediation: { type: 'text' },
      attributes: json,
    },
  },
  control_requirements: {
    references: ['controls'],
    columns: { id, control_id: id, required_any: { type: 'json' }, required_all: { type: 'json' } },
  },
  validation_results: {
    insertedBy: 'run',
    references: ['systems', 'controls'],
    columns: {
      id: { type: 'bigint' },
      system_id: reference,
      control_id: reference,
      status: { type: 'validationstatus', insert: 'value', longest: 'INSUFFICIENT_EVIDENCE'.length },
      message: text,
      evidence_keys: json,
      remediation: optionalText,
      validated_at: time,
      attributes: json,
    },
  },
  findings: { references: ['systems', 'controls'], columns: {} },
  job_runs: {
    insertedBy: 'run',
    references: [],
    columns: {
      id,
      job_type: { ...varchar(100), longest: 'validation'.length },
      environment: varchar(50),
      status: { ...varchar(20), longest: 'running'.length },
      started_at: time,
      finished_at: { ...time, insert: 'nullable' },
      error: optionalText,
      metrics: json,
      attributes: json,
    },
  },
}

/** The table of applied migrations. */
export const MIGRATIONS_TABLE = 'rapidrmf_migrations'

/** The tables that only this program uses. */
export const OWN_TABLES: readonly string[] = [
  'baseline_controls',
  'baselines',
  'job_run_attempts',
  'job_run_controls',
  'control_sets',
  'plans',
  'run_queue',
  'run_records',
  'run_details',
  'notification_outbox',
]
