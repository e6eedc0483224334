import { catalogFrameworks, configDigest, rulePackPaths } from '../config/config.ts'
import { incrementalFor } from '../config/incremental.ts'
import type { IncrementalOptions } from '../config/incremental.ts'
import { resolveSink } from '../config/notifications.ts'
import { resolveTarget } from '../config/target.ts'
import type { ResolvedTarget, TargetOptions } from '../config/target.ts'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import { loadRuleSet } from '../rules/load.ts'
import { selectionFor } from './selection-sources.ts'
import { DEFAULT_BATCH_SIZE, DEFAULT_CONCURRENCY, DEFAULT_TIMING, MAX_CONCURRENCY } from './request.ts'
import type { RunRequest, Timing } from './request.ts'
import { checkedSlot } from './slot.ts'

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
  if (schedule?.slotAt !== undefined) checkedSlot('schedule.slotAt', schedule.slotAt)
}

const SECONDS = /^\d+(\.\d+)?$/

/** In seconds. A heart that beats more often is work for the server; one that beats less often hides a dead process. */
const HEARTBEAT = { min: 0.1, max: 600 } as const
const ABANDON_AFTER = { min: 2 * HEARTBEAT.min, max: 86_400 } as const
/** 0: a lost database is not waited for. */
const OUTAGE = { min: 0, max: 86_400 } as const

/** RAPIDRMF_HEARTBEAT, RAPIDRMF_ABANDON_AFTER and RAPIDRMF_OUTAGE, in seconds; the same for all workers of a run. */
export function timingFrom(env: Io['env']): Timing {
  const milliseconds = (
    name: string,
    { min, max }: { readonly min: number; readonly max: number },
    otherwise: number,
  ): number => {
    const text = env[name] ?? ''
    if (text === '') return otherwise
    const seconds = SECONDS.test(text) ? Number(text) : NaN
    if (seconds >= min && seconds <= max) return seconds * 1000
    throw new InputError(`${name}: expected a number of seconds from ${min} to ${max}, found "${text}"`)
  }
  const timing = {
    heartbeat: milliseconds('RAPIDRMF_HEARTBEAT', HEARTBEAT, DEFAULT_TIMING.heartbeat),
    abandonAfter: milliseconds('RAPIDRMF_ABANDON_AFTER', ABANDON_AFTER, DEFAULT_TIMING.abandonAfter),
    outage: milliseconds('RAPIDRMF_OUTAGE', OUTAGE, DEFAULT_TIMING.outage),
    poll: DEFAULT_TIMING.poll,
  }
  if (timing.abandonAfter < 2 * timing.heartbeat) {
    throw new InputError(
      'RAPIDRMF_ABANDON_AFTER must be at least twice RAPIDRMF_HEARTBEAT: one late beat is no death',
    )
  }
  return timing
}
