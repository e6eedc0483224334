/** The columns of each result, in the order of `ResultTuple`. */
const COLUMNS = `v.system_id, v.control_id, v.job_run_id, v.status::text, v.message, v.evidence_keys, v.remediation,
  v.validated_at, v.attributes, v.id::text`
/** SQL of the time at which a result was last confirmed: later than its own time if a later run reused it. */
const CONFIRMED = (answer: { of: string; made: string }): string =>
  `CASE WHEN ${answer.of}.results_run_id = ${answer.of}.job_run_id THEN ${answer.made} ELSE ${answer.of}.decided_at END`

/** Text and values of one statement. */
export type Query = { readonly text: string; readonly values: readonly unknown[] }

export type PageFilter = {
  /** Rows of `controls`. */
  readonly controlIds?: readonly number[] | undefined
  /** Label of the enum. */
  readonly statusLabel?: string | undefined
}

/**
 * Keeps the plans on the indexes where statistics are old (a night's rows are read minutes after they were written):
 * every read here is a handful of index probes per system, and a scan of millions of rows is never better.
 */
export const STAY_ON_INDEXES = 'SET enable_seqscan TO off; SET enable_mergejoin TO off'

/**
 * The results of one run for a page of systems. `results_run_id` leads to the rows: they are an earlier run's where
 * nothing had changed. OFFSET 0 makes it one probe of (job_run_id, system_id, control_id) per system.
 */
export function runPageQuery(runId: number, systemIds: readonly number[], filter: PageFilter): Query {
  const { values, controls, status } = conditions([systemIds, runId], filter)
  return {
    text: `
      SELECT ${COLUMNS}, ${CONFIRMED({ of: 'q', made: 'v.validated_at' })}
        FROM job_run_systems q
       CROSS JOIN LATERAL (
              SELECT v.* FROM validation_results v
               WHERE v.job_run_id = q.results_run_id AND v.system_id = q.system_id ${controls}
              OFFSET 0) v
       WHERE q.job_run_id = $2 AND q.system_id = ANY ($1) ${status}`,
    values,
  }
}

/** SQL condition: a source has a result for the control of `row`. */
const hasControl = (source: string, row: string): string => `EXISTS (
                SELECT FROM validation_results o
                 WHERE o.job_run_id = ${source}.results_run_id AND o.system_id = ${source}.system_id
                   AND o.control_id = ${row}.control_id)`

/**
 * The latest results of a page of systems: for each control those of the newest run that has decided it (even if it is
 * still running), or the newest row of another program if that is later or no run has decided it.
 *
 * A system's sources are its newest run of all controls and, newer than that, the newest run of each other set of
 * controls; most systems have one. A control that a run of all controls did not decide is no longer validated. A system
 * whose results an incremental run reused counts as evaluated at that time, as in a full run.
 */
export function latestPageQuery(systemIds: readonly number[], filter: PageFilter): Query {
  const { values, controls, status } = conditions([systemIds], filter)
  return {
    text: `
      WITH sources AS MATERIALIZED (
        SELECT p.system_id, q.job_run_id, q.results_run_id, q.control_scope IS NULL AS is_full,
               row_number() OVER (PARTITION BY p.system_id ORDER BY q.job_run_id DESC) AS age,
               ${CONFIRMED({ of: 'q', made: 'first.validated_at' })} AS evaluated_at
          FROM unnest($1::int[]) p (system_id)
          LEFT JOIN LATERAL (
                 SELECT q.job_run_id FROM job_run_systems q
                  WHERE q.system_id = p.system_id AND q.state = 'done'
                    -- Not a join: one look at each run, from the newest back.
                    AND (SELECT r.control_scope FROM job_runs r WHERE r.id = q.job_run_id) IS NULL
                  ORDER BY q.job_run_id DESC LIMIT 1) base ON TRUE
          LEFT JOIN LATERAL (
                 SELECT DISTINCT ON (r.control_scope) q.job_run_id, q.results_run_id, q.decided_at, r.control_scope
                   FROM job_run_systems q JOIN job_runs r ON r.id = q.job_run_id
                  WHERE q.system_id = p.system_id AND q.state = 'done'
                    AND q.job_run_id >= coalesce(base.job_run_id, 0)
                  ORDER BY r.control_scope, q.job_run_id DESC) q ON TRUE
          -- A system's rows are decided together, so one has the time of all.
          LEFT JOIN LATERAL (
                 SELECT validated_at FROM validation_results
                  WHERE job_run_id = q.results_run_id AND system_id = p.system_id LIMIT 1) first ON TRUE),
      theirs AS MATERIALIZED (
        SELECT DISTINCT ON (v.system_id, v.control_id) v.*
          FROM (SELECT system_id, max(evaluated_at) FILTER (WHERE is_full) AS evaluated_at
                  FROM sources GROUP BY system_id) n
         CROSS JOIN LATERAL (
                SELECT v.* FROM validation_results v
                 WHERE v.system_id = n.system_id AND v.job_run_id IS NULL
                   AND v.validated_at >= coalesce(n.evaluated_at + interval '1 microsecond', '-infinity') ${controls}
                OFFSET 0) v
         ORDER BY v.system_id, v.control_id, v.validated_at DESC, v.id DESC),
      later AS MATERIALIZED (
        SELECT t.* FROM theirs t
         WHERE (t.validated_at > (
                SELECT s.evaluated_at FROM sources s
                 WHERE s.system_id = t.system_id AND NOT s.is_full AND ${hasControl('s', 't')}
                 ORDER BY s.age LIMIT 1)) IS NOT FALSE),
      answers AS (
        SELECT l.*, l.validated_at AS confirmed_at FROM later l
         UNION ALL
        SELECT v.*, s.evaluated_at
          FROM sources s
         CROSS JOIN LATERAL (
                SELECT v.* FROM validation_results v
                 WHERE v.job_run_id = s.results_run_id AND v.system_id = s.system_id ${controls}
                OFFSET 0) v
         -- NOT IN is hashed; NOT EXISTS would compare every row with every other, as "later" is expected to be small.
         WHERE (v.system_id, v.control_id) NOT IN (SELECT system_id, control_id FROM later)
           AND (s.age = 1 OR NOT EXISTS (
                SELECT FROM sources n
                 WHERE n.system_id = s.system_id AND n.age < s.age AND ${hasControl('n', 'v')})))
      SELECT ${COLUMNS}, v.confirmed_at FROM answers v WHERE TRUE ${status}`,
    values,
  }
}

/** Conditions on `v`. The status is compared as text: no plan may start from the index of a four-valued column. */
function conditions(
  first: readonly unknown[],
  { controlIds, statusLabel }: PageFilter,
): { values: unknown[]; controls: string; status: string } {
  const values = [...first]
  const place = (value: unknown): string => `$${values.push(value)}`
  return {
    values,
    controls: controlIds === undefined ? '' : `AND v.control_id = ANY (${place(controlIds)}::int[])`,
    status: statusLabel === undefined ? '' : `AND v.status::text = ${place(statusLabel)}`,
  }
}
