import { catalogFrameworks, configDigest, rulePackPaths } from '../config/config.ts'
import { expectedDuration, readSeconds } from '../config/duration.ts'
import type { DurationLimits } from '../config/duration.ts'
import { incrementalFor } from '../config/incremental.ts'
import type { IncrementalOptions } from '../config/incremental.ts'
import { publishFor } from '../config/publish.ts'
import type { Publish } from '../config/publish.ts'
import { resolveSink } from '../config/notifications.ts'
import { resolveTarget } from '../config/target.ts'
import type { ResolvedTarget, TargetOptions } from '../config/target.ts'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import { loadRuleSet } from '../rules/load.ts'
import { selectionFor } from './selection-sources.ts'
import { DEFAULT_BATCH_SIZE, DEFAULT_CONCURRENCY, DEFAULT_TIMING, MAX_CONCURRENCY } from './options.ts'
import type { RunOptions, Timing } from './options.ts'
import { checkedSlot } from './slot.ts'

/** The options of a run that its caller gives; the configuration gives the others. */
export type CallerOptions = Pick<RunOptions, 'runKey' | 'triggeredBy'> &
  Pick<RunOptions, 'schedule' | 'selection' | 'signal' | 'observer' | 'tracing'> & {
    /** Default: `DEFAULT_BATCH_SIZE`. */
    readonly batchSize?: number | undefined
    /** Default: `DEFAULT_CONCURRENCY`. */
    readonly concurrency?: number | undefined
    /** Overrides the variables and the configuration. */
    readonly incremental?: IncrementalOptions | undefined
    readonly publish?: Publish | undefined
  }

const MAX_RUN_KEY = 255

/** Reads and checks all inputs of a run. Nothing is written before this has succeeded. */
export function runOptionsFromConfig(
  target: TargetOptions,
  options: CallerOptions,
  io: Pick<Io, 'env' | 'cwd'>,
): RunOptions {
  return runOptionsFromTarget(resolveTarget(target, io), options, io)
}

/** Checks all inputs of a run whose configuration has been read. */
export function runOptionsFromTarget(
  { config, environment, url }: ResolvedTarget,
  options: CallerOptions,
  io: Pick<Io, 'env' | 'cwd'>,
): RunOptions {
  refuseUnusable(options)
  const {
    selection: requested,
    incremental: incrementalOptions = {},
    publish: requestedPublish,
    ...others
  } = options
  const selection = selectionFor(config, environment, requested, io)
  const incremental = incrementalFor(config, incrementalOptions, io)
  const publish = publishFor(config, requestedPublish, io)
  const { batchSize = DEFAULT_BATCH_SIZE[publish], concurrency = DEFAULT_CONCURRENCY } = options
  return {
    ...others,
    publish,
    batchSize,
    concurrency,
    selection,
    incremental,
    databaseUrl: url,
    environment: environment.name,
    ruleSet: loadRuleSet({ packs: rulePackPaths(config) }),
    configurationDigest: configDigest(config, environment.name),
    frameworks: catalogFrameworks(config),
    timing: timingFrom(io.env),
    // A problem of a sink is reported with its notices and does not fail the run.
    notifications: config.notifications.map((each) => resolveSink(each, io.env).sink),
  }
}

/** Repeats some checks of the command line, because programs that use the library do not make them. */
function refuseUnusable({ runKey, concurrency = DEFAULT_CONCURRENCY, schedule }: CallerOptions): void {
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

/** Bounds in seconds. Shorter intervals load the server; longer ones hide a dead process. */
const HEARTBEAT = { min: 0.1, max: 600 } as const
const ABANDON_AFTER = { min: 2 * HEARTBEAT.min, max: 86_400 } as const
/** Bounds in seconds; 0 means that a lost connection is not retried. */
const OUTAGE = { min: 0, max: 86_400 } as const

/** RAPIDRMF_HEARTBEAT, RAPIDRMF_ABANDON_AFTER and RAPIDRMF_OUTAGE: durations, or numbers of seconds; the same for all workers of a run. */
export function timingFrom(env: Io['env']): Timing {
  const milliseconds = (name: string, limits: DurationLimits, byDefault: number): number => {
    const text = env[name] ?? ''
    if (text === '') return byDefault
    const seconds = readSeconds(text, limits)
    if (seconds !== undefined) return seconds * 1000
    throw new InputError(`${name}: ${expectedDuration(limits)}, found "${text}"`)
  }
  const timing = {
    heartbeat: milliseconds('RAPIDRMF_HEARTBEAT', HEARTBEAT, DEFAULT_TIMING.heartbeat),
    abandonAfter: milliseconds('RAPIDRMF_ABANDON_AFTER', ABANDON_AFTER, DEFAULT_TIMING.abandonAfter),
    outage: milliseconds('RAPIDRMF_OUTAGE', OUTAGE, DEFAULT_TIMING.outage),
    poll: DEFAULT_TIMING.poll,
  }
  if (timing.abandonAfter < 2 * timing.heartbeat) {
    throw new InputError(
      'RAPIDRMF_ABANDON_AFTER must be at least twice RAPIDRMF_HEARTBEAT, so that one late heartbeat does not abandon an attempt',
    )
  }
  return timing
}
