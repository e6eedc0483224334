/** A column of a shared table that this program reads or writes. */
export type SharedColumn = {
  /** The type that RapidRMF gives it, as `format_type` spells it; a type of the same family is as good. */
  readonly type: string
  /**
   * What this program's inserts store there: `value` is never NULL, `nullable` is NULL at times. Absent: inserts leave
   * the column out, so it must have a default or allow NULL.
   */
  readonly insert?: 'value' | 'nullable'
  /** Length of the longest text that this program stores there, where it is known beforehand. */
  readonly longest?: number
  /** Every value has the full length, so that `character(n)` pads none. */
  readonly fixedLength?: true
}

/** What inserts rows into a shared table; a run cannot do without its own two. */
export type Inserter = 'run' | 'inventory apply' | 'catalog import'

export type SharedTable = {
  /** Absent: this program only reads the table, so that a view is as good. */
  readonly insertedBy?: Inserter
  /** Shared tables that migrations let it refer to, by their `id`, where they make it. */
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
 * The tables that RapidRMF installations share, with the columns that this program reads or writes; it ignores all others.
 * One list for the check before a migration, for docs/tables.md and for the tests.
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

/** Which migrations were applied. */
export const MIGRATIONS_TABLE = 'rapidrmf_migrations'

/** The tables that only this program makes. */
export const OWN_TABLES: readonly string[] = [
  'baseline_controls',
  'baselines',
  'job_run_attempts',
  'job_run_controls',
  'job_run_systems',
  'notification_outbox',
]
