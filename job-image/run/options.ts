import type { RunSummary } from '../../crds/run-summary.ts'
import type { Selection } from '../../crds/selection.ts'
import type { Incremental } from '../config/incremental.ts'
import type { Publish } from '../config/publish.ts'
import type { ConfiguredFrameworks } from '../db/inputs/catalog-identities.ts'
import type { Sink } from '../notify/sink.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import type { Tracing } from '../tracing/tracing.ts'

/** Intervals and timeouts of a run, in ms. All workers of a run must use the same ones. */
export type Timing = {
  /** Interval between two heartbeats of an attempt. */
  readonly heartbeat: number
  /** Age of a heartbeat after which peers abandon the attempt. Longer than the tolerated outage plus one heartbeat. */
  readonly abandonAfter: number
  /** How long a lost connection is retried before the attempt gives up. */
  readonly outage: number
  /** Longest interval between two queries for a run that other workers are processing. */
  readonly poll: number
}

/** `abandonAfter`: a run must survive 30 s without its database, and its heartbeat may be 10 s old when that begins. */
export const DEFAULT_TIMING: Timing = { heartbeat: 10_000, abandonAfter: 120_000, outage: 60_000, poll: 500 }

/** The schedule that a run belongs to. One schedule has at most one running run, and one run per slot. */
export type ScheduleIdentity = {
  readonly uid: string
  /** Display name. */
  readonly name: string
  /** The slot of this run, ISO-8601 UTC; absent for a run outside the schedule. */
  readonly slotAt?: string
}

/** All inputs of an attempt at a run. Plain data, complete before the first database access. */
export type RunOptions = {
  /** As `parseDatabaseUrl` returns it. */
  readonly databaseUrl: string
  readonly environment: string
  readonly ruleSet: RuleSet
  readonly configurationDigest: string
  /** The frameworks of catalogs that the configuration sets; absent: the database's. */
  readonly frameworks?: ConfiguredFrameworks | undefined
  /** As `normalizeSelection` returns it; absent: every system of the environment and every control. */
  readonly selection?: Selection | undefined
  /** Identity of the run: the same key resumes or joins it. At most 255 characters. */
  readonly runKey: string
  readonly schedule?: ScheduleIdentity | undefined
  /** What started the run: `cli`, `scheduler`, `library`, `kubernetes`. */
  readonly triggeredBy: string
  /** Present: only systems whose inputs have changed since the newest run are evaluated. Absent: all are. */
  readonly incremental?: Incremental | undefined
  /** Whether the answers are written to `validation_results` as well as to the record. */
  readonly publish: Publish
  /** Systems per transaction. */
  readonly batchSize: number
  /** Batches in flight, each on a database session of its own; at least 1. */
  readonly concurrency: number
  readonly timing: Timing
  /** Sinks of the notices of the run. */
  readonly notifications?: readonly Sink[] | undefined
  /** When aborted, the attempt finishes its current batch and stops. */
  readonly signal?: AbortSignal | undefined
  readonly observer?: RunObserver | undefined
  readonly tracing?: Tracing | undefined
}

/** Progress of a run, reported to its observer. */
export type RunEvent =
  | {
      readonly type: 'opened'
      readonly runId: number
      readonly attempt: number
      readonly resumed: boolean
      /** The name of this process in `job_run_attempts`. */
      readonly worker: string
    }
  /** `pending`: systems that are not yet decided; fewer than `systems` when a run is resumed. */
  | {
      readonly type: 'planned'
      readonly systems: number
      readonly pending: number
      readonly controls: number
    }
  /** The size of one committed batch. */
  | { readonly type: 'progress'; readonly systems: number; readonly results: number }
  | { readonly type: 'system-error'; readonly systemId: number; readonly error: string }
  | { readonly type: 'waiting'; readonly reason: string }
  | { readonly type: 'retrying'; readonly error: string }
  | { readonly type: 'warning'; readonly message: string }
  /** The run is closed, by this or another attempt; its notices may still be sent. */
  | { readonly type: 'closed'; readonly summary: RunSummary }
  /** This attempt ended before the run was complete: the current state of the run (`final` if it was closed, too). */
  | { readonly type: 'left'; readonly summary: RunSummary }

export type RunObserver = (event: RunEvent) => void

/** Systems per transaction. With published rows a batch of ten takes a fraction of a second; without, it is mostly overhead. */
export const DEFAULT_BATCH_SIZE: Readonly<Record<Publish, number>> = { all: 10, none: 100 }
/** Two keep the server busy while decisions are computed; more gain nothing (docs/performance.md). */
export const DEFAULT_CONCURRENCY = 2
/** Each batch in flight needs a connection, which other clients then lack. */
export const MAX_CONCURRENCY = 64
