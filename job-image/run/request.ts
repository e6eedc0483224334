import type { RunSummary } from '../../crds/run-summary.ts'
import type { Selection } from '../../crds/selection.ts'
import type { Incremental } from '../config/incremental.ts'
import type { ConfiguredFrameworks } from '../db/inputs/catalog-identities.ts'
import type { Sink } from '../notify/sink.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import type { Tracing } from '../tracing/tracing.ts'

/** How long things may take, in ms. All workers of a run must agree on them. */
export type Timing = {
  /** Between two signs of life of an attempt. */
  readonly heartbeat: number
  /** Silence after which peers take an attempt for dead. Longer than the outage a run must survive, plus a beat. */
  readonly abandonAfter: number
  /** How long a lost database is waited for before the attempt gives up. */
  readonly outage: number
  /** Between two looks at a run that others work on, once it has been looked at a few times. */
  readonly poll: number
}

/** 120 s: a run must survive 30 s without its database, and a beat may be 10 s old when that begins. */
export const DEFAULT_TIMING: Timing = { heartbeat: 10_000, abandonAfter: 120_000, outage: 60_000, poll: 500 }

/** The schedule that a run belongs to. One schedule has at most one running run, and one run per slot. */
export type ScheduleIdentity = {
  readonly uid: string
  /** For people. */
  readonly name: string
  /** The nominal time of this run, ISO-8601 UTC; absent for a run outside the schedule. */
  readonly slotAt?: string
}

/** Everything that one attempt at a run needs to know. Plain data, complete before the database is touched. */
export type RunRequest = {
  /** As `parseDatabaseUrl` returns it. */
  readonly databaseUrl: string
  readonly environment: string
  readonly ruleSet: RuleSet
  readonly configurationDigest: string
  /** The frameworks of catalogs that the configuration names; absent: as the database says. */
  readonly frameworks?: ConfiguredFrameworks
  /** As `normalizeSelection` returns it; absent: every system of the environment and every control. */
  readonly selection?: Selection
  /** Identity of the run: the same key resumes or joins it. At most 255 characters. */
  readonly runKey: string
  readonly schedule?: ScheduleIdentity
  /** What started the run: `cli`, `scheduler`, `library`, `kubernetes`. */
  readonly triggeredBy: string
  /** Absent: everything is decided; else only what has changed since the newest run. */
  readonly incremental?: Incremental
  /** Systems per transaction. */
  readonly batchSize: number
  /** Batches in flight, each on a database session of its own; at least 1. */
  readonly concurrency: number
  readonly timing: Timing
  /** Who wants to hear of the ends of runs. */
  readonly notifications?: readonly Sink[]
  /** Aborted: finish the batch at hand and stop. */
  readonly signal?: AbortSignal
  readonly observer?: RunObserver
  readonly tracing?: Tracing
}

/** What a run tells while it goes on. */
export type RunEvent =
  | {
      readonly type: 'opened'
      readonly runId: number
      readonly attempt: number
      readonly resumed: boolean
      /** This process, as the attempts' table names it. */
      readonly worker: string
    }
  /** `pending`: systems that are still to be decided; fewer than `systems` when a run is resumed. */
  | {
      readonly type: 'planned'
      readonly systems: number
      readonly pending: number
      readonly controls: number
    }
  /** What one batch added. */
  | { readonly type: 'progress'; readonly systems: number; readonly results: number }
  | { readonly type: 'system-error'; readonly systemId: number; readonly error: string }
  | { readonly type: 'waiting'; readonly reason: string }
  | { readonly type: 'retrying'; readonly error: string }
  | { readonly type: 'warning'; readonly message: string }
  /** The run has come to its end, by whomever; notices of it may still be sent. */
  | { readonly type: 'closed'; readonly summary: RunSummary }
  /** This attempt ended before the run was done: the run as it stands now (`final` if it was closed with it). */
  | { readonly type: 'left'; readonly summary: RunSummary }

export type RunObserver = (event: RunEvent) => void

export const DEFAULT_BATCH_SIZE = 10
/** Two keep the server busy while results are made; more gain nothing (docs/performance.md). */
export const DEFAULT_CONCURRENCY = 2
/** Each is a connection: more than a few gain nothing and take them from others. */
export const MAX_CONCURRENCY = 64
