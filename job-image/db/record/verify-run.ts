import type { Client } from 'pg'
import { sha256 } from '../../../common/sha256.ts'
import { answersDigest } from '../../record/answers.ts'
import { metricOf } from '../runs/job-runs.ts'
import type { JobRun } from '../runs/job-runs.ts'
import { UnreadableRecord, expandRecord } from './expand.ts'
import { ControlSets, runPlanDigest } from './plans.ts'
import type { SetControl } from './plans.ts'
import type { StoredRecord } from './records.ts'
import { recordPages } from './run-pages.ts'
import { runTotals } from './totals.ts'

/** The columns of a record that are derived from others. */
type Derived = {
  readonly systemId: number
  readonly pass: number
  readonly fail: number
  readonly insufficient: number
  readonly unknown: number
  readonly evidenceDigest: Buffer
  readonly answersDigest: Buffer
}

/** What checking the record of a run has found. */
export type VerifiedRun = {
  readonly runId: number
  /** False for a run of before there were records, and one that no attempt has planned. */
  readonly hasRecord: boolean
  readonly systems: number
  /** Systems whose details were deleted for their age: their statuses were checked, what they are based on was not. */
  readonly withoutDetails: number
  /** One line for each problem, with the system's name. */
  readonly problems: readonly string[]
}

/**
 * Checks that the record of a run is whole: the statuses fit the controls and the counts, the decisions have these
 * statuses, and manifests and decisions have the digests that were stored with them.
 */
export async function verifyRun(client: Client, run: JobRun): Promise<VerifiedRun> {
  const problems: string[] = []
  const hasRecord = (await runPlanDigest(client, run.id)) !== null
  const sets = new ControlSets(client)
  let checked = 0
  let withoutDetails = 0
  for await (const { systems, records } of recordPages(client, run.id, undefined)) {
    const derived = await derivedColumns(client, run.id, [...records.keys()])
    await sets.load(records.values())
    for (const { systemId, name, error } of systems) {
      const record = records.get(systemId)
      const system = name === null ? `the deleted system ${systemId}` : `system ${JSON.stringify(name)}`
      if (record === undefined && hasRecord && error === null)
        problems.push(`${system}: its statuses, or the plan of its run, are missing`)
      if (record === undefined) continue
      checked += 1
      if (record.decisions === null || record.manifest === null) withoutDetails += 1
      const found = recordProblems(record, derived.get(systemId)!, sets.of(record))
      problems.push(...found.map((problem) => `${system}: ${problem}`))
    }
  }
  return {
    runId: run.id,
    hasRecord,
    systems: checked,
    withoutDetails,
    problems: [...problems, ...(await totalProblems(client, run))],
  }
}

async function derivedColumns(
  client: Client,
  runId: number,
  systemIds: readonly number[],
): Promise<Map<number, Derived>> {
  const { rows } = await client.query<Derived>(
    `SELECT system_id AS "systemId", pass_count AS pass, fail_count AS fail, insufficient_count AS insufficient,
            unknown_count AS unknown, evidence_digest AS "evidenceDigest", answers_digest AS "answersDigest"
       FROM run_records WHERE job_run_id = $1 AND system_id = ANY ($2)`,
    [runId, systemIds],
  )
  return new Map(rows.map((row) => [row.systemId, row]))
}

function recordProblems(record: StoredRecord, derived: Derived, controls: readonly SetControl[]): string[] {
  const problems: string[] = []
  const { manifest, decisions, decisionOf } = record
  if (manifest !== null && !sha256(manifest).equals(derived.evidenceDigest))
    problems.push('the manifest of its evidence does not have the digest that was stored with it')
  if (decisions !== null && decisionOf !== null) {
    if (!answersDigest(decisions, decisionOf).equals(derived.answersDigest))
      problems.push('its decisions do not have the digest that was stored with them')
  }
  try {
    const answers = expandRecord(record, controls)
    const count = (status: string): number => answers.filter((answer) => answer.status === status).length
    const counts = [count('pass'), count('fail'), count('insufficient_evidence'), count('unknown')]
    const stored = [derived.pass, derived.fail, derived.insufficient, derived.unknown]
    if (counts.join() !== stored.join())
      problems.push(`its counts are ${stored.join(', ')}; its statuses have ${counts.join(', ')}`)
    const other = answers.find(({ status, decision }) => decision !== undefined && decision.status !== status)
    if (other !== undefined)
      problems.push(
        `the status of ${other.control.control} is ${other.status}, its decision ${other.decision?.status}`,
      )
  } catch (thrown) {
    if (!(thrown instanceof UnreadableRecord)) throw thrown
    problems.push(`its record cannot be read: ${thrown.message}`)
  }
  return problems
}

/** The counts of a run that succeeded, in its row and over its records; a pruned one has lost records. */
async function totalProblems(client: Client, run: JobRun): Promise<string[]> {
  if (run.status !== 'success' || run.attributes?.['pruned_at'] !== undefined) return []
  const { systems, counts } = await runTotals(client, run)
  const found = {
    systems,
    pass: counts.pass,
    fail: counts.fail,
    insufficient_evidence: counts.insufficientEvidence,
    unknown: counts.unknown,
  }
  return Object.entries(found)
    .filter(([key, value]) => metricOf(run, key) !== value)
    .map(([key, value]) => `the run counts ${metricOf(run, key)} as ${key}; its records have ${value}`)
}
