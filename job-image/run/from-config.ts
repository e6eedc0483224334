import { catalogFrameworks, configDigest, rulePackPaths } from '../config/config.ts'
import { incrementalFor } from '../config/incremental.ts'
import type { IncrementalOptions } from '../config/incremental.ts'
import { resolveSink } from '../config/notifications.ts'
import { resolveTarget } from '../config/target.ts'
import type { ResolvedTarget, TargetOptions } from '../config/target.ts'
import { InputError, asError } from '../errors.ts'
import type { Io } from '../io.ts'
import { loadRuleSet } from '../rules/load.ts'
import { selectionFor } from '../selection/sources.ts'
import { parseTimestamp } from '../time.ts'
import { DEFAULT_BATCH_SIZE, DEFAULT_CONCURRENCY, DEFAULT_TIMING, MAX_CONCURRENCY } from './request.ts'
import type { RunRequest, Timing } from './request.ts'

/** What a run needs beside its configuration. */
export type RunOptions = Pick<RunRequest, 'runKey' | 'triggeredBy'> &
  Partial<
    Pick<
      RunRequest,
      'schedule' | 'batchSize' | 'concurrency' | 'selection' | 'signal' | 'observer' | 'tracing'
    >
  > & {
    /** What is asked for; the configuration and variables say the rest. */
    readonly incremental?: IncrementalOptions
  }

const MAX_RUN_KEY = 255

/** Reads and checks everything that a run depends on; nothing is written before this has succeeded. */
export function requestFromConfig(
  target: TargetOptions,
  options: RunOptions,
  io: Pick<Io, 'env' | 'cwd'>,
): RunRequest {
  return requestFromTarget(resolveTarget(target, io), options, io)
}

/** The same for a configuration that has been read. */
export function requestFromTarget(
  { config, environment, url }: ResolvedTarget,
  options: RunOptions,
  io: Pick<Io, 'env' | 'cwd'>,
): RunRequest {
  refuseUnusable(options)
  const { selection: asked, incremental: wanted = {}, ...others } = options
  const selection = selectionFor(config, environment, asked, io)
  const incremental = incrementalFor(config, wanted, io)
  return {
    batchSize: DEFAULT_BATCH_SIZE,
    concurrency: DEFAULT_CONCURRENCY,
    ...others,
    ...(selection === undefined ? {} : { selection }),
    ...(incremental === undefined ? {} : { incremental }),
    databaseUrl: url,
    environment: environment.name,
    ruleSet: loadRuleSet({ packs: rulePackPaths(config) }),
    configurationDigest: configDigest(config, environment.name),
    frameworks: catalogFrameworks(config),
    timing: timingFrom(io.env),
    // What is wrong with a sink is told with its notices; no run fails for it.
    notifications: config.notifications.map((each) => resolveSink(each, io.env).sink),
  }
}

/** The command line has checked some of these already; programs that use the library have not. */
function refuseUnusable({ runKey, concurrency = DEFAULT_CONCURRENCY, schedule }: RunOptions): void {
  if (runKey === '' || runKey.length > MAX_RUN_KEY) {
    throw new InputError(`a run key has 1 to ${MAX_RUN_KEY} characters; this one has ${runKey.length}`)
  }
  if (!Number.isSafeInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
    throw new InputError(
      `concurrency: expected a whole number from 1 to ${MAX_CONCURRENCY}, found ${concurrency}`,
    )
  }
  if (schedule?.slotAt === undefined) return
  try {
    parseTimestamp(schedule.slotAt)
  } catch (error) {
    throw new InputError(
      `schedule.slotAt: ${asError(error).message}; expected a time like 2026-11-24T02:00:00Z`,
    )
  }
}

const SECONDS = /^\d+(\.\d+)?$/

/** RAPIDRMF_HEARTBEAT, RAPIDRMF_ABANDON_AFTER and RAPIDRMF_OUTAGE, in seconds; the same for all workers of a run. */
export function timingFrom(env: Io['env']): Timing {
  const milliseconds = (name: string, otherwise: number): number => {
    const text = env[name] ?? ''
    if (text === '') return otherwise
    if (!SECONDS.test(text)) throw new InputError(`${name}: expected a number of seconds, found "${text}"`)
    return Number(text) * 1000
  }
  const timing = {
    heartbeat: milliseconds('RAPIDRMF_HEARTBEAT', DEFAULT_TIMING.heartbeat),
    abandonAfter: milliseconds('RAPIDRMF_ABANDON_AFTER', DEFAULT_TIMING.abandonAfter),
    outage: milliseconds('RAPIDRMF_OUTAGE', DEFAULT_TIMING.outage),
    poll: DEFAULT_TIMING.poll,
  }
  if (timing.abandonAfter < 2 * timing.heartbeat) {
    throw new InputError(
      'RAPIDRMF_ABANDON_AFTER must be at least twice RAPIDRMF_HEARTBEAT: one late beat is no death',
    )
  }
  return timing
}
