import type { Client } from 'pg'
import { IS_RUN, runParameters } from '../runs/run-ref.ts'
import type { RunRef } from '../runs/run-ref.ts'
import { droppedRows } from '../session/dropped-rows.ts'

/** The record of one evaluated system. Bit strings are text, digests are bytes. */
export type SystemRecord = {
  readonly systemId: number
  readonly pass: number
  readonly fail: number
  readonly insufficientEvidence: number
  readonly unknown: number
  readonly inputDigest: Buffer
  readonly evidenceDigest: Buffer
  readonly answersDigest: Buffer
  /** The moment from which on time alone may change the answers: PostgreSQL's text, UTC; null for never. */
  readonly validUntil: string | null
  readonly passBits: string
  readonly failBits: string | null
  /** The earlier run whose details hold the same manifest, or decisions; null: they are stored now. */
  readonly inputsRunId: number | null
  readonly decisionsRunId: number | null
  /** JSON; null if an earlier run has it. */
  readonly manifest: string | null
  readonly decisions: string | null
  readonly decisionOf: Buffer | null
}

/** A system that could not be evaluated. */
export type SystemError = { readonly systemId: number; readonly error: string }

export type Outcome = SystemRecord | SystemError

export function isError(outcome: Outcome): outcome is SystemError {
  return 'error' in outcome
}

export type Settlement = {
  readonly run: RunRef
  readonly controlSetId: number
  readonly outcomes: readonly Outcome[]
  /** True if the rows of the answers were written to `validation_results`. */
  readonly published: boolean
}

// The fence: the run must still be in the database and running, and cannot be closed before this transaction ends.
// decided_at is the transaction's time, as `validated_at` of published rows is: a query for later rows need not read these.
// The published rows must match the counts: they are counted by the index (run, system, control), about 1 % of a run's time.
const SETTLE = `
  WITH run AS MATERIALIZED (SELECT id FROM job_runs WHERE ${IS_RUN} AND status = 'running' FOR SHARE),
  outcome AS MATERIALIZED (
    SELECT * FROM unnest($6::int[], $7::text[], $8::int[], $9::int[], $10::int[], $11::int[], $12::bytea[], $13::bytea[],
                         $14::bytea[], $15::timestamp[], $16::text[], $17::text[], $18::int[], $19::int[], $20::text[],
                         $21::text[], $22::bytea[])
           AS d (system_id, error, pass_count, fail_count, insufficient_count, unknown_count, input_digest,
                 evidence_digest, answers_digest, valid_until, pass, fail, inputs_run_id, decisions_run_id, manifest,
                 decisions, decision_of)),
  settled AS (
    DELETE FROM run_queue q USING run r, outcome d
     WHERE q.job_run_id = r.id AND q.system_id = d.system_id
    RETURNING q.system_id),
  mine AS (SELECT r.id AS run_id, d.* FROM run r CROSS JOIN outcome d JOIN settled USING (system_id)),
  recorded AS (
    INSERT INTO run_records (job_run_id, system_id, error, pass_count, fail_count, insufficient_count, unknown_count,
                             input_digest, evidence_digest, answers_digest, valid_until, pass, fail, decided_at,
                             decided_run_id, control_set_id, inputs_run_id, decisions_run_id)
    SELECT run_id, system_id, error, pass_count, fail_count, insufficient_count, unknown_count, input_digest,
           evidence_digest, answers_digest, valid_until, pass::varbit, fail::varbit, now() AT TIME ZONE 'UTC',
           CASE WHEN error IS NULL THEN run_id END, CASE WHEN error IS NULL THEN $4::int END,
           CASE WHEN error IS NULL THEN coalesce(inputs_run_id, run_id) END,
           CASE WHEN error IS NULL THEN coalesce(decisions_run_id, run_id) END
      FROM mine
    RETURNING *),
  detailed AS (
    INSERT INTO run_details (job_run_id, system_id, manifest, decisions, decision_of)
    SELECT run_id, system_id, manifest::json, decisions::json, decision_of
      FROM mine WHERE manifest IS NOT NULL OR decisions IS NOT NULL
    RETURNING system_id),
  incomplete AS (
    SELECT s.system_id, s.pass_count + s.fail_count + s.insufficient_count + s.unknown_count AS written, v.stored
      FROM recorded s
     CROSS JOIN LATERAL (
            SELECT count(*)::int AS stored,
                   count(*) FILTER (WHERE status = 'PASS') AS pass, count(*) FILTER (WHERE status = 'FAIL') AS fail,
                   count(*) FILTER (WHERE status = 'INSUFFICIENT_EVIDENCE') AS insufficient_evidence,
                   count(*) FILTER (WHERE status = 'UNKNOWN') AS unknown
              FROM validation_results WHERE job_run_id = $1 AND system_id = s.system_id) v
     WHERE $5 AND s.error IS NULL
       AND (v.pass, v.fail, v.insufficient_evidence, v.unknown)
           <> (s.pass_count, s.fail_count, s.insufficient_count, s.unknown_count))
  SELECT (SELECT count(*)::int FROM settled) AS settled, (SELECT count(*)::int FROM recorded) AS recorded,
         (SELECT count(*)::int FROM detailed) AS detailed, i.system_id AS "systemId", i.written, i.stored
    FROM run LEFT JOIN incomplete i ON true
   ORDER BY i.system_id LIMIT 1`

type Settled = {
  readonly settled: number
  readonly recorded: number
  readonly detailed: number
  readonly systemId: number | null
  readonly written: number
  readonly stored: number
}

/**
 * Takes the systems off the queue and stores their records. Returns false if the run is no longer running, and throws
 * DroppedRows if the tables do not hold the written rows; in both cases the batch must be rolled back.
 */
export async function settleSystems(client: Client, settlement: Settlement): Promise<boolean> {
  const { run, outcomes } = settlement
  const { rows } = await client.query<Settled>(SETTLE, parametersOf(settlement))
  const [row] = rows
  if (row === undefined) return false
  const details = outcomes.filter((each) => !isError(each) && (each.manifest ?? each.decisions) !== null)
  await expectRows(client, 'run_queue', row.settled, outcomes.length, run)
  await expectRows(client, 'run_records', row.recorded, outcomes.length, run)
  await expectRows(client, 'run_details', row.detailed, details.length, run)
  if (row.systemId !== null) throw await droppedRows(client, RESULTS, missingResults(row))
  return true
}

/** The table of published results. */
export const RESULTS = 'validation_results'

async function expectRows(
  client: Client,
  table: string,
  found: number,
  expected: number,
  run: RunRef,
): Promise<void> {
  if (found === expected) return
  const missing = `the outcome of ${expected - found} of the ${expected} systems of a batch of run ${run.id}`
  throw await droppedRows(client, table, missing)
}

function missingResults({ systemId, written, stored }: Settled): string {
  return stored === written
    ? `the ${written} results of system ${systemId} with the statuses that were written`
    : `the ${written} results that were written for system ${systemId} (it holds ${stored})`
}

function parametersOf({ run, controlSetId, outcomes, published }: Settlement): unknown[] {
  const column = <K extends keyof SystemRecord>(key: K): (SystemRecord[K] | null)[] =>
    outcomes.map((each) => (isError(each) ? null : each[key]))
  const count = (key: 'pass' | 'fail' | 'insufficientEvidence' | 'unknown'): number[] =>
    outcomes.map((each) => (isError(each) ? 0 : each[key]))
  return [
    ...runParameters(run),
    controlSetId,
    published,
    outcomes.map(({ systemId }) => systemId),
    outcomes.map((each) => (isError(each) ? each.error : null)),
    count('pass'),
    count('fail'),
    count('insufficientEvidence'),
    count('unknown'),
    column('inputDigest'),
    column('evidenceDigest'),
    column('answersDigest'),
    column('validUntil'),
    column('passBits'),
    column('failBits'),
    column('inputsRunId'),
    column('decisionsRunId'),
    column('manifest'),
    column('decisions'),
    column('decisionOf'),
  ]
}
