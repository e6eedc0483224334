/** Where the details of a system's newest earlier record are, and their digests. */
export type PreviousRecord = {
  readonly decisionsRunId: number
  readonly inputsRunId: number
  readonly answersDigest: Buffer
  readonly evidenceDigest: Buffer
}

/**
 * The age, in days at the run's reference time, from which on details are stored again although they are the same. So the
 * details of an old run can be deleted by its age alone: no newer record refers to them.
 */
export const LONGEST_REFERENCE_DAYS = 30

/** SQL condition: the details that a record refers to are there and recent. `record` and `referenceTime` are SQL. */
export function hasRecentDetails(record: string, referenceTime: string): string {
  const has = (run: string, column: string): string => `EXISTS (
             SELECT FROM run_details d
              WHERE d.job_run_id = ${record}.${run} AND d.system_id = ${record}.system_id AND d.${column} IS NOT NULL OFFSET 0)`
  return `(SELECT min(reference_time) FROM job_runs
            WHERE id IN (${record}.decisions_run_id, ${record}.inputs_run_id))
             > ${referenceTime} - interval '${LONGEST_REFERENCE_DAYS} days'
       AND ${has('decisions_run_id', 'decisions')}
       AND ${has('inputs_run_id', 'manifest')}`
}

/**
 * SQL of the newest record of a system before the run $1, with the reference time $3, if its answers are to the same
 * controls and its details may be referred to. `system` and `controlSet` are SQL of ids.
 */
export function previousRecord(system: string, controlSet: string): string {
  return `
    SELECT n.*
      FROM (SELECT * FROM run_records
             WHERE system_id = ${system} AND job_run_id < $1 AND error IS NULL
             ORDER BY job_run_id DESC LIMIT 1) n
     WHERE n.control_set_id = ${controlSet} AND ${hasRecentDetails('n', '$3::timestamp')}`
}
