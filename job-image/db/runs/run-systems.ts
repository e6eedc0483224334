import type { Client } from 'pg'
import type { RunCounts } from '../../../crds/run-summary.ts'
import { formatTimestamp } from '../../time.ts'
import type { Micros } from '../../time.ts'
import type { EvidenceRow } from '../../validation/model.ts'
import { EVIDENCE_COLUMNS, decisiveEvidence, toEvidence, typesParameter } from '../inputs/evidence.ts'
import type { EvidenceTuple } from '../inputs/evidence.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { inputDigest } from './input-digest.ts'
import { IS_RUN, OF_RUN, RUN_EXISTS, runParameters } from './run-ref.ts'
import type { RunRef } from './run-ref.ts'

/** A system that this transaction has locked in the run's queue, with the inputs of its decisions. */
export type ClaimedSystem = {
  readonly systemId: number
  /** The evidence that `decisiveEvidence` selects. */
  readonly evidence: readonly EvidenceRow[]
  /** Digest of the plan and all evidence of the system; hexadecimal. */
  readonly inputDigest: string
  /** Why the system cannot be decided, if it cannot. */
  readonly problem?: string
}

export type Claim = {
  readonly systems: readonly ClaimedSystem[]
  /** The transaction's time as PostgreSQL's text, UTC: `validated_at` of what is decided now. */
  readonly now: string
}

type ClaimTuple = [string, number, boolean, string, ...(EvidenceTuple | [null, null, null, null, null])]

// MATERIALIZED: the rows are locked once, before the evidence is joined to them.
// OFFSET 0 keeps the planner from reading evidence of other systems: if it is a view, their rows may raise errors.
const CLAIM = `
  WITH claimed AS MATERIALIZED (
    SELECT system_id FROM job_run_systems
     WHERE ${OF_RUN} AND state = 'pending' AND ($5::int[] IS NULL OR system_id = ANY($5))
     ORDER BY system_id LIMIT $4
       FOR UPDATE SKIP LOCKED)
  SELECT (now() AT TIME ZONE 'UTC')::text, c.system_id, s.id IS NOT NULL, encode(d.digest, 'hex'), ${EVIDENCE_COLUMNS}
    FROM claimed c
    LEFT JOIN systems s ON s.id = c.system_id
   CROSS JOIN LATERAL (SELECT ${inputDigest('$6::bytea', 'c.system_id')} AS digest OFFSET 0) d
    LEFT JOIN LATERAL (${decisiveEvidence('c.system_id', '$7::bytea[]', '$8::timestamp')}) e ON true
   ORDER BY c.system_id, e.id`

export type ClaimRequest = {
  readonly run: RunRef
  /** `types` are the evidence types that any rule requires. */
  readonly plan: { readonly types: readonly string[] }
  readonly planDigest: Buffer
  /** The moment at which evidence must be valid. */
  readonly referenceTime: Micros
}

/**
 * Locks up to `limit` pending systems (only those in `only`, if given) until the transaction ends, and reads their
 * decisive evidence and the digest of their inputs. Skips systems that another worker has locked. Returns undefined if
 * there is nothing to claim.
 */
export async function claimSystems(
  client: Client,
  { run, plan, planDigest, referenceTime }: ClaimRequest,
  limit: number,
  only: readonly number[] | null,
): Promise<Claim | undefined> {
  const { rows } = await client.query<ClaimTuple>({
    text: CLAIM,
    values: [
      ...runParameters(run),
      limit,
      only,
      planDigest,
      typesParameter(plan.types),
      formatTimestamp(referenceTime),
    ],
    rowMode: 'array',
  })
  const [first] = rows
  if (first === undefined) return undefined
  const systems = new Map<number, ClaimedSystem & { evidence: EvidenceRow[]; problem?: string }>()
  for (const [, systemId, exists, inputDigest, ...tuple] of rows) {
    const system = systems.get(systemId) ?? { systemId, evidence: [], inputDigest }
    systems.set(systemId, system)
    if (!exists) system.problem = 'the system was deleted after the run was planned'
    else if (tuple[0] !== null) addEvidence(system, tuple)
  }
  return { systems: [...systems.values()], now: first[0] }
}

/** Adds a row of evidence. A timestamp that only PostgreSQL can represent makes an error of the system, not the batch. */
function addEvidence(system: { evidence: EvidenceRow[]; problem?: string }, tuple: EvidenceTuple): void {
  try {
    system.evidence.push(toEvidence(tuple))
  } catch (error) {
    system.problem ??= `evidence row ${tuple[0]}: ${(error as Error).message}`
  }
}

/** Adds the systems of the environment (all, or `only`) that are not yet queued to the run's queue; returns their number. */
export async function queueSystems(
  client: Client,
  run: RunRef,
  environment: string,
  only: readonly number[] | null = null,
): Promise<number> {
  const { rows } = await client.query<{ wanted: number; added: number }>(
    `WITH wanted AS MATERIALIZED (
       SELECT s.id FROM systems s
        WHERE ${RUN_EXISTS} AND s.environment = $4 AND ($5::int[] IS NULL OR s.id = ANY ($5))
          AND NOT EXISTS (SELECT FROM job_run_systems q WHERE q.job_run_id = $1 AND q.system_id = s.id)),
     added AS (
       INSERT INTO job_run_systems (job_run_id, system_id) SELECT $1, id FROM wanted RETURNING system_id)
     SELECT (SELECT count(*)::int FROM wanted) AS wanted, (SELECT count(*)::int FROM added) AS added`,
    [...runParameters(run), environment, only],
  )
  const { wanted, added } = rows[0]!
  if (added < wanted) {
    throw await droppedRows(
      client,
      'job_run_systems',
      `${wanted - added} of the ${wanted} systems that run ${run.id} is to validate`,
    )
  }
  return added
}

/** Requeues the systems that could not be evaluated; they have no results. Needs the run's row locked. */
export async function requeueFailedSystems(client: Client, run: RunRef): Promise<void> {
  if ((await runTotals(client, run)).failedSystems === 0) return
  await client.query(
    `UPDATE job_run_systems SET state = 'pending', error = NULL, decided_at = NULL
      WHERE ${OF_RUN} AND state = 'error'`,
    runParameters(run),
  )
}

/** The systems that a claim would lock now; they are locked until the surrounding transaction ends. */
export async function claimableSystems(
  client: Client,
  run: RunRef,
  limit: number,
  only: readonly number[] | null = null,
): Promise<number[]> {
  const { rows } = await client.query<{ system_id: number }>(
    `SELECT system_id FROM job_run_systems
      WHERE ${OF_RUN} AND state = 'pending' AND ($5::int[] IS NULL OR system_id = ANY($5))
      ORDER BY system_id LIMIT $4 FOR UPDATE SKIP LOCKED`,
    [...runParameters(run), limit, only],
  )
  return rows.map(({ system_id }) => system_id)
}

/** The outcome of one system of a batch. */
export type SystemOutcome = {
  readonly systemId: number
  readonly pass: number
  readonly fail: number
  readonly insufficientEvidence: number
  readonly unknown: number
  readonly error: string | null
  /** Digest of the inputs of the decisions, hexadecimal; null if there are none. */
  readonly inputDigest: string | null
  /** The moment from which on time alone may change the results: PostgreSQL's text, UTC; null for never. */
  readonly validUntil: string | null
}

// The fence: the run must still be in the database and running, and cannot be closed before this transaction ends.
// decided_at is the transaction's time, as `validated_at` of the rows is: a query for later rows need not read these.
// The stored rows must match the counts: they are counted by the index (run, system, control), about 1 % of a run's time.
const SETTLE = `
  WITH run AS MATERIALIZED (SELECT id FROM job_runs WHERE ${IS_RUN} AND status = 'running' FOR SHARE),
  settled AS (
    UPDATE job_run_systems s
       SET state = CASE WHEN d.error IS NULL THEN 'done' ELSE 'error' END,
           results_run_id = CASE WHEN d.error IS NULL THEN r.id END,
           pass = d.pass, fail = d.fail, insufficient_evidence = d.insufficient_evidence, unknown = d.unknown,
           error = d.error, decided_at = now() AT TIME ZONE 'UTC', input_digest = decode(d.input_digest, 'hex'),
           valid_until = d.valid_until
      FROM run r,
           unnest($4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::text[], $10::text[], $11::timestamp[])
             AS d (system_id, pass, fail, insufficient_evidence, unknown, error, input_digest, valid_until)
     WHERE s.job_run_id = r.id AND s.system_id = d.system_id AND s.state = 'pending'
    RETURNING s.*),
  incomplete AS (
    SELECT s.system_id, s.pass + s.fail + s.insufficient_evidence + s.unknown AS written, v.stored
      FROM settled s
     CROSS JOIN LATERAL (
            SELECT count(*)::int AS stored,
                   count(*) FILTER (WHERE status = 'PASS') AS pass, count(*) FILTER (WHERE status = 'FAIL') AS fail,
                   count(*) FILTER (WHERE status = 'INSUFFICIENT_EVIDENCE') AS insufficient_evidence,
                   count(*) FILTER (WHERE status = 'UNKNOWN') AS unknown
              FROM validation_results WHERE job_run_id = $1 AND system_id = s.system_id) v
     WHERE s.state = 'done' AND (v.pass, v.fail, v.insufficient_evidence, v.unknown)
                                <> (s.pass, s.fail, s.insufficient_evidence, s.unknown))
  SELECT (SELECT count(*)::int FROM settled) AS settled, i.system_id AS "systemId", i.written, i.stored
    FROM run LEFT JOIN incomplete i ON true
   ORDER BY i.system_id LIMIT 1`

type Settled = {
  readonly settled: number
  readonly systemId: number | null
  readonly written: number
  readonly stored: number
}

/**
 * Marks the systems as done or failed. Returns false if the run is no longer running, and throws DroppedRows if the
 * tables do not hold the written rows; in both cases the batch must be rolled back.
 */
export async function settleSystems(
  client: Client,
  run: RunRef,
  outcomes: readonly SystemOutcome[],
): Promise<boolean> {
  const column = <K extends keyof SystemOutcome>(key: K): SystemOutcome[K][] =>
    outcomes.map((each) => each[key])
  const { rows } = await client.query<Settled>(SETTLE, [
    ...runParameters(run),
    column('systemId'),
    column('pass'),
    column('fail'),
    column('insufficientEvidence'),
    column('unknown'),
    column('error'),
    column('inputDigest'),
    column('validUntil'),
  ])
  const [row] = rows
  if (row === undefined) return false
  if (row.settled !== outcomes.length) {
    throw await droppedRows(
      client,
      'job_run_systems',
      `the outcome of ${outcomes.length - row.settled} of the ${outcomes.length} systems of a batch of run ${run.id}`,
    )
  }
  if (row.systemId !== null) throw await droppedRows(client, RESULTS, missingResults(row))
  return true
}

/** The table of results. */
export const RESULTS = 'validation_results'

function missingResults({ systemId, written, stored }: Settled): string {
  return stored === written
    ? `the ${written} results of system ${systemId} with the statuses that were written`
    : `the ${written} results that were written for system ${systemId} (it holds ${stored})`
}

/** Sums over the queue of a run. */
export type RunTotals = {
  readonly systems: number
  readonly pending: number
  readonly failedSystems: number
  /** Why one of the systems could not be evaluated; null if all could. */
  readonly error: string | null
  readonly counts: Pick<RunCounts, 'pass' | 'fail' | 'insufficientEvidence' | 'unknown'>
}

export async function runTotals(client: Client, run: RunRef): Promise<RunTotals> {
  type Sums = {
    systems: number
    pending: number
    errors: number
    error: string | null
    pass: number
    fail: number
    insufficient: number
    unknown: number
  }
  const { rows } = await client.query<Sums>(
    `SELECT count(*)::int AS systems,
            count(*) FILTER (WHERE state = 'pending')::int AS pending,
            count(*) FILTER (WHERE state = 'error')::int AS errors,
            min(error) FILTER (WHERE state = 'error') AS error,
            coalesce(sum(pass), 0)::int AS pass, coalesce(sum(fail), 0)::int AS fail,
            coalesce(sum(insufficient_evidence), 0)::int AS insufficient, coalesce(sum(unknown), 0)::int AS unknown
       FROM job_run_systems WHERE ${OF_RUN}`,
    runParameters(run),
  )
  const sums = rows[0] as Sums
  return {
    systems: sums.systems,
    pending: sums.pending,
    failedSystems: sums.errors,
    error: sums.error,
    counts: {
      pass: sums.pass,
      fail: sums.fail,
      insufficientEvidence: sums.insufficient,
      unknown: sums.unknown,
    },
  }
}
