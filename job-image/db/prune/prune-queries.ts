/** Text and values of one statement. */
export type Query = { readonly text: string; readonly values: readonly unknown[] }

/** Runs of other programs have no run_key; a running one may still refer to anything. Needs $1, the limit. */
const OLD = `r.run_key IS NOT NULL AND r.status IN ('success', 'failed') AND r.finished_at < $1::timestamp`

/** Systems after `after` that any run has a row for, ascending. */
export function systemIdsQuery(after: number, size: number): Query {
  return {
    text: `SELECT DISTINCT system_id FROM run_records WHERE system_id > $1 ORDER BY system_id LIMIT $2`,
    values: [after, size],
  }
}

/** The history of some systems, by system and run. */
export function historyQuery(cutoff: string, systemIds: readonly number[]): Query {
  return {
    text: `
      SELECT q.system_id AS "systemId", q.job_run_id AS "runId", q.error IS NULL AS done, q.decided_run_id AS "resultsRunId",
             r.control_scope AS scope, (${OLD}) IS TRUE AS old, q.pass_count + q.fail_count + q.insufficient_count + q.unknown_count AS results
        FROM run_records q JOIN job_runs r ON r.id = q.job_run_id
       WHERE q.system_id = ANY ($2)
       ORDER BY q.system_id, q.job_run_id`,
    values: [cutoff, systemIds],
  }
}

/** Rows of `run_records`, as parallel columns. */
export type SystemRows = { readonly runIds: readonly number[]; readonly systemIds: readonly number[] }

/** Rows whose results are to be removed. */
export type Doomed = SystemRows & {
  /** A newer run that has most of the same controls, for each; 0: none is known. */
  readonly newer: readonly number[]
}

// Two looks: the first, where most are found, says yes for all but the controls that are not validated any more.
const HAS_NEWER = `(
  EXISTS (SELECT FROM validation_results n
           WHERE n.job_run_id = d.newer AND n.system_id = v.system_id AND n.control_id = v.control_id)
  OR EXISTS (SELECT FROM run_records q
               JOIN validation_results n ON n.job_run_id = q.job_run_id AND n.system_id = q.system_id
              WHERE q.system_id = v.system_id AND q.job_run_id > v.job_run_id AND n.control_id = v.control_id))`

const DOOMED = 'unnest($1::int[], $2::int[], $3::int[]) AS d (run_id, system_id, newer)'

/** Counts what the statements below would remove. */
export function countQuery({ runIds, systemIds, newer }: Doomed): Query {
  return {
    text: `
      SELECT p.run_id AS "runId", sum(p.removable)::int AS results,
             count(*) FILTER (WHERE p.removable = p.rows)::int AS systems
        FROM (SELECT d.run_id, d.system_id, count(v.id) AS rows,
                     count(v.id) FILTER (WHERE ${HAS_NEWER}) AS removable
                FROM ${DOOMED}
                LEFT JOIN validation_results v ON v.job_run_id = d.run_id AND v.system_id = d.system_id
               GROUP BY d.run_id, d.system_id) p
       GROUP BY p.run_id`,
    values: [runIds, systemIds, newer],
  }
}

/** Keeps the runs from being reopened until the transaction ends; returns those that may be pruned. */
export function lockRunsQuery(cutoff: string, runIds: readonly number[]): Query {
  return {
    text: `SELECT r.id FROM job_runs r WHERE ${OLD} AND r.id = ANY ($2) ORDER BY r.id FOR NO KEY UPDATE`,
    values: [cutoff, runIds],
  }
}

/**
 * Locks the history rows of these results and returns them. Locked rows are skipped: a run that is being planned may
 * reference them.
 */
export function lockAnswersQuery({ runIds, systemIds, newer }: Doomed): Query {
  return {
    text: `
      SELECT d.run_id AS "runId", d.system_id AS "systemId", d.newer
        FROM ${DOOMED}
        JOIN run_records q ON q.job_run_id = d.run_id AND q.system_id = d.system_id
         FOR UPDATE OF q SKIP LOCKED`,
    values: [runIds, systemIds, newer],
  }
}

/** Removes history rows that have no results of their own. */
export function deleteReferencesQuery(rows: SystemRows): Query {
  return deleteHistoryQuery(rows, 'q.decided_run_id IS DISTINCT FROM q.job_run_id')
}

/** Removes results that no history row refers to any more, except the newest of a system and control. */
export function deleteResultsQuery({ runIds, systemIds, newer }: Doomed): Query {
  return {
    text: `
      WITH d AS MATERIALIZED (
        SELECT * FROM ${DOOMED}
         WHERE NOT EXISTS (SELECT FROM run_records q
                            WHERE q.system_id = d.system_id AND q.job_run_id > d.run_id AND q.decided_run_id = d.run_id)),
      gone AS (
        DELETE FROM validation_results v USING d
         WHERE v.job_run_id = d.run_id AND v.system_id = d.system_id AND ${HAS_NEWER}
        RETURNING v.job_run_id)
      SELECT job_run_id AS "runId", count(*)::int AS results FROM gone GROUP BY job_run_id`,
    values: [runIds, systemIds, newer],
  }
}

/** Removes history rows whose results are all gone. */
export function deleteAnswersQuery(rows: SystemRows): Query {
  return deleteHistoryQuery(
    rows,
    `NOT EXISTS (SELECT FROM validation_results v
                  WHERE v.job_run_id = q.job_run_id AND v.system_id = q.system_id)`,
  )
}

/** Removes the details of these rows where no record refers to them any more. A statement of its own: the rows are gone. */
export function deleteDetailsQuery({ runIds, systemIds }: SystemRows): Query {
  return {
    text: `
      DELETE FROM run_details t
       USING unnest($1::int[], $2::int[]) AS d (run_id, system_id)
       WHERE t.job_run_id = d.run_id AND t.system_id = d.system_id
         AND NOT EXISTS (SELECT FROM run_records q
                          WHERE q.system_id = t.system_id
                            AND (q.decisions_run_id = t.job_run_id OR q.inputs_run_id = t.job_run_id))`,
    values: [runIds, systemIds],
  }
}

/** Removes those of the history rows `q` that meet the condition. */
function deleteHistoryQuery({ runIds, systemIds }: SystemRows, condition: string): Query {
  return {
    text: `
      WITH gone AS (
        DELETE FROM run_records q
         USING unnest($1::int[], $2::int[]) AS d (run_id, system_id)
         WHERE q.job_run_id = d.run_id AND q.system_id = d.system_id AND ${condition}
        RETURNING q.job_run_id)
      SELECT job_run_id AS "runId", count(*)::int AS systems FROM gone GROUP BY job_run_id`,
    values: [runIds, systemIds],
  }
}
