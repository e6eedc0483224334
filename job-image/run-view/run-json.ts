import { isoTimestamp } from '../time.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { presentable } from '../json-text.ts'

/** A run with the time since which it has no live attempt. */
export type ListedRun = JobRun & {
  /** The last heartbeat of a `running` run without a live attempt; PostgreSQL's text, UTC. */
  readonly silentSince: string | null
}

/** A run as JSON: RapidRMF's keys first, in its order, then further ones. Times are ISO-8601 with Z. */
export type RunJson = {
  readonly id: number
  readonly environment: string
  readonly status: string
  readonly started_at: string
  readonly finished_at: string | null
  readonly error: string | null
  /** A run of another program may have anything here. */
  readonly metrics: unknown
  readonly attributes: unknown
  readonly job_type: string
  readonly run_key: string | null
  readonly schedule: string | null
  readonly slot_at: string | null
  readonly verdict: string | null
  readonly reference_time: string | null
  readonly silent_since: string | null
}

export function runJson(run: ListedRun): RunJson {
  return {
    id: run.id,
    environment: run.environment,
    status: run.status,
    started_at: isoTimestamp(run.started_at),
    finished_at: isoTimestamp(run.finished_at),
    error: run.error,
    metrics: presentable(run.metrics, `job_runs row ${run.id}, column metrics`),
    attributes: presentable(run.attributes, `job_runs row ${run.id}, column attributes`),
    job_type: run.job_type,
    run_key: run.run_key,
    schedule: run.schedule,
    slot_at: isoTimestamp(run.slot_at),
    verdict: run.verdict,
    reference_time: isoTimestamp(run.reference_time),
    silent_since: isoTimestamp(run.silentSince),
  }
}

/** The warning about a run whose processes are dead, with the remedy; null if there is none. */
export function silenceText({ silentSince }: ListedRun): string | null {
  if (silentSince === null) return null
  return `silent since ${tableTime(silentSince)} UTC: its process is dead; the next run of its environment or "rapidrmf notify flush" closes it`
}

/** `2026-01-08 02:00:15` (UTC), as tables show a time; an infinite one keeps its name. */
export function tableTime(text: string | null): string {
  return (isoTimestamp(text) ?? '').replace('T', ' ').replace(/(\.\d+)?Z$/, '')
}
