import type { Client } from 'pg'
import type { RunCounts } from '../../crds/run-summary.ts'
import { listAttempts, silentSince } from '../db/runs/attempts.ts'
import type { Attempt } from '../db/runs/attempts.ts'
import { metricsOf } from '../db/runs/job-runs.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { listRunSystems } from '../db/record/run-systems.ts'
import type { RunSystem } from '../db/record/run-systems.ts'
import { runTotals } from '../db/record/totals.ts'
import { countsOf, scopeOf } from '../run/close.ts'
import { runJson } from './run-json.ts'
import type { ListedRun } from './run-json.ts'
import { summaryOf } from '../run/summary.ts'
import { isoTimestamp } from '../time.ts'

/** The details of one run. Runs of other programs have no message, counts, attempts or systems. */
export type RunDetail = {
  readonly run: ListedRun
  readonly message: string | null
  readonly counts: RunCounts | null
  readonly attempts: readonly Attempt[]
  readonly systems: readonly RunSystem[]
}

/** Reads the details. `abandonAfter` is the age of a heartbeat after which an attempt counts as dead, in ms. */
export async function runDetail(client: Client, row: JobRun, abandonAfter: number): Promise<RunDetail> {
  if (row.run_key === null) {
    return { run: { ...row, silentSince: null }, message: null, counts: null, attempts: [], systems: [] }
  }
  const { counts, message } = summaryOf(row)
  const since = await silentSince(client, [row.id], abandonAfter)
  const run = { ...row, silentSince: since.get(row.id) ?? null }
  return {
    run,
    message,
    // A closed run's counts are its row's: prune may have removed systems since.
    counts: run.status === 'running' ? countsOf(await runTotals(client, run), scopeOf(run)) : counts,
    attempts: await listAttempts(client, run.id),
    systems: await listRunSystems(client, run),
  }
}

/** The details as JSON: the keys of `runs --json`, and further ones. */
export function runDetailJson({ run, message, counts, attempts, systems }: RunDetail): object {
  return {
    ...runJson(run),
    planned_at: isoTimestamp(run.planned_at),
    message,
    counts: counts === null ? null : metricsOf(counts),
    attempts: attempts.map((attempt) => ({
      ...attempt,
      started_at: isoTimestamp(attempt.started_at),
      heartbeat_at: isoTimestamp(attempt.heartbeat_at),
      ended_at: isoTimestamp(attempt.ended_at),
    })),
    systems: systems.map(systemJson),
  }
}

export function systemJson(system: RunSystem): RunSystem {
  return { ...system, decided_at: isoTimestamp(system.decided_at) }
}
