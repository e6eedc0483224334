import type { RunSummary } from '../../crds/run-summary.ts'
import type { Selection } from '../../crds/selection.ts'
import type { Publish } from '../config/publish.ts'
import { metricsOf } from '../db/runs/job-runs.ts'
import type { RunOptions, ScheduleIdentity } from '../run/options.ts'
import { runOptionsFromConfig } from '../run/from-config.ts'
import { executeRun } from '../run/job.ts'
import { watchSchedule } from '../scheduler/scheduler.ts'
import type { SchedulerObserver } from '../scheduler/scheduler.ts'
import { newRunKey } from '../run/summary.ts'

/** The environment to validate, and its configuration. */
export type ValidationTarget = {
  /** Path of the configuration, from the working directory. Default: config.yaml. */
  readonly config?: string | undefined
  /** Default: production. */
  readonly environment?: string | undefined
  /** Overrides the configuration's database_url. */
  readonly databaseUrl?: string | undefined
  /** The systems and controls; each part overrides the configuration's. Default: the configuration's, else all. */
  readonly selection?: Selection | undefined
  /** Evaluate only systems whose inputs have changed. Default: the configuration's. */
  readonly incremental?: boolean | undefined
  /** What is written to `validation_results`: all results, or none. Default: the configuration's, else all. */
  readonly publish?: Publish | undefined
  /** Batches in flight, each with a database session of its own. Default: 2. */
  readonly concurrency?: number | undefined
  /** The variables for `${NAME}` in the configuration. Default: process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export type ValidationJobOptions = ValidationTarget & {
  /** The same key resumes a run that broke, or reports one that succeeded. Default: a random one. */
  readonly runKey?: string | undefined
  readonly schedule?: ScheduleIdentity | undefined
  /** Stored as `attributes.triggered_by`. Default: library. */
  readonly triggeredBy?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly observer?: RunOptions['observer'] | undefined
}

/** The outcome of a run: RapidRMF's three values, and the whole summary. */
export type ValidationJobResult = {
  readonly status: 'success' | 'failed'
  readonly jobId: number
  /** The values of `job_runs.metrics`: systems, controls, results_saved, errors and a count per status. */
  readonly metrics: Readonly<Record<string, number>>
  readonly summary: RunSummary
}

/**
 * Runs one validation and waits for its end. Rejects with an InputError (bad configuration, tables not migrated; a
 * retry is no use), an InterruptedError (`signal`) or another error when the run broke; its row says so too.
 */
export async function runValidationJob(options: ValidationJobOptions = {}): Promise<ValidationJobResult> {
  const { runKey = newRunKey(), triggeredBy = 'library', schedule, signal, observer } = options
  const request = runOptionsFromConfig(
    targetOptions(options),
    {
      runKey,
      triggeredBy,
      schedule,
      ...choicesOf(options),
      signal,
      observer,
    },
    surroundings(options),
  )
  const summary = await executeRun(request)
  const { counts, runId } = summary
  return {
    status: summary.status === 'success' ? 'success' : 'failed',
    jobId: runId ?? 0,
    metrics: metricsOf(counts),
    summary,
  }
}

/** One run, marked as the scheduler's: for programs that bring a scheduler of their own. */
export async function runScheduledValidation(
  options: ValidationJobOptions = {},
): Promise<ValidationJobResult> {
  return runValidationJob({ triggeredBy: 'scheduler', ...options })
}

export type StartSchedulerOptions = ValidationTarget & {
  /** Default: 02:00 every day. */
  readonly cron?: string | undefined
  /** IANA name. Default: Etc/UTC. */
  readonly timezone?: string | undefined
  /** How late a slot may start, in seconds. Default: 300. */
  readonly startingDeadline?: number | undefined
  /**
   * Name of the schedule: all instances of one schedule together run each slot once. Default: environment, cron,
   * timezone and selection distinguish schedules.
   */
  readonly schedule?: string | undefined
  readonly observer?: Partial<SchedulerObserver> | undefined
}

export type Scheduler = {
  /** Settles when the scheduler has stopped; rejects for invalid options, or if `stop` interrupted a run. */
  readonly done: Promise<void>
  /** Stops the scheduler after the current batch. */
  stop(): void
}

/** Runs a validation at each slot of a schedule, in this process, until `stop` is called. */
export function startScheduler(options: StartSchedulerOptions = {}): Scheduler {
  const stop = new AbortController()
  const { cron = '0 2 * * *', timezone = 'Etc/UTC', startingDeadline = 300, schedule, observer } = options
  const done = watchSchedule(
    {
      ...targetOptions(options),
      cron,
      timezone,
      startingDeadline,
      schedule,
      ...choicesOf(options),
      signal: stop.signal,
      observer: { ...SILENT, ...observer },
    },
    surroundings(options),
  )
  return { done, stop: () => stop.abort() }
}

const SILENT: SchedulerObserver = {
  next: () => {},
  skipped: () => {},
  started: () => () => {},
  finished: () => {},
  retrying: () => {},
  failed: () => {},
  warned: () => {},
  stopped: () => {},
}

function choicesOf({ selection, incremental, publish, concurrency }: ValidationTarget) {
  return {
    selection,
    incremental: incremental === undefined ? undefined : { incremental },
    publish,
    concurrency,
  }
}

function targetOptions({
  config = 'config.yaml',
  environment = 'production',
  databaseUrl,
}: ValidationTarget) {
  return { config, env: environment, databaseUrl }
}

function surroundings({ env = process.env }: ValidationTarget) {
  return { env, cwd: process.cwd() }
}
