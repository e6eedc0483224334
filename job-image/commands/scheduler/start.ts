import { command, option, optional } from 'cmd-ts'
import type { Logger } from '../../../common/logging/logger.ts'
import { InputError, asError } from '../../errors.ts'
import { runAction } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import type { CliScheduleOptions } from '../../scheduler/cli-schedule.ts'
import type { SchedulerObserver, SchedulerOptions } from '../../scheduler/scheduler.ts'
import type { RunLog } from '../../output/run-log.ts'
import { openTracing } from '../../tracing/open.ts'
import { logArgs, logSettings } from '../shared/log-options.ts'
import { migrateFirst } from './once.ts'
import { secondsType } from '../shared/durations.ts'
import { configOption, databaseUrlOption, envOption, migrateFlag } from '../shared/options.ts'
import {
  concurrencyOption,
  incrementalArgs,
  incrementalFrom,
  publishOption,
  selectionArgs,
  selectionFrom,
} from './run-options.ts'
import { newName, text } from '../shared/values.ts'

const cronOption = option({
  long: 'cron',
  type: text('CRON'),
  defaultValue: () => '0 2 * * *',
  defaultValueIsSerializable: true,
  description: 'When to run: minute hour day-of-month month day-of-week, as a Kubernetes CronJob reads them',
})
const timezoneOption = option({
  long: 'timezone',
  type: text('ZONE'),
  defaultValue: () => 'Etc/UTC',
  defaultValueIsSerializable: true,
  description: 'Time zone of the schedule (IANA name)',
})
/** A year, in seconds. */
const LONGEST_DEADLINE = 31_622_400

const deadlineOption = option({
  long: 'starting-deadline',
  type: secondsType({ min: 0.001, max: LONGEST_DEADLINE }),
  defaultValue: () => 300,
  defaultValueIsSerializable: true,
  description:
    'How late a slot may still be run, in seconds or as 5m, 1h; later ones are skipped with a message',
})

const scheduleOption = option({
  long: 'schedule',
  type: optional(newName),
  description:
    'Name of the schedule: all instances of one schedule together run each slot once. ' +
    'Default: environment, cron, time zone and selection distinguish schedules',
})

/** `rapidrmf scheduler start` */
export const startCommand = command({
  name: 'start',
  description: 'Stay in the foreground and run a validation at each slot of a schedule',
  args: {
    config: configOption,
    env: envOption,
    databaseUrl: databaseUrlOption,
    cron: cronOption,
    timezone: timezoneOption,
    startingDeadline: deadlineOption,
    schedule: scheduleOption,
    ...selectionArgs,
    ...incrementalArgs,
    publish: publishOption,
    concurrency: concurrencyOption,
    migrate: migrateFlag,
    ...logArgs,
  },
  examples: [
    { description: 'Every night at two, UTC', command: 'rapidrmf scheduler start --env production' },
    {
      description: 'Workdays at half past six in Berlin',
      command: 'rapidrmf scheduler start --cron "30 6 * * 1-5" --timezone Europe/Berlin',
    },
    {
      description: 'A second schedule at the same time, with other rule packs',
      command: 'rapidrmf scheduler start --config lax.yaml --schedule lax',
    },
  ],
  handler: ({ migrate, ...options }): Action =>
    runAction(async (io) => {
      const { createLogger } = await import('../../../common/logging/logger.ts')
      const { runLog } = await import('../../output/run-log.ts')
      const { checkScheduler, watchSchedule } = await import('../../scheduler/scheduler.ts')
      const automatic = io.stderr.isTTY === true ? 'text' : 'json'
      const { output, ...settings } = logSettings(options, io, { automatic })
      const log = createLogger(output, settings).child({ environment: options.env })
      const tracing = await openTracing(io, (message) => log.warn(message))
      const selection = selectionFrom(options)
      const scheduler: SchedulerOptions = {
        ...options,
        selection,
        incremental: incrementalFrom(options),
        signal: io.signal,
        observer: loggingObserver(log, runLog, options),
        tracing,
      }
      checkScheduler(scheduler, io)
      await checkDatabase(options, migrate, io, log)
      try {
        await watchSchedule(scheduler, io)
      } finally {
        await tracing?.end()
      }
      return 0
    }),
})

type Target = Pick<SchedulerOptions, 'config' | 'env' | 'databaseUrl'>

/**
 * Checks the database at the start. An error that the user must correct (a wrong password, tables not migrated) stops the
 * scheduler; an unreachable database does not, because the scheduler tolerates outages at any time.
 */
async function checkDatabase(target: Target, migrate: boolean, io: Io, log: Logger): Promise<void> {
  const { resolveTarget } = await import('../../config/target.ts')
  const { withClient } = await import('../../db/session/client.ts')
  const { requireCurrentSchema } = await import('../../db/schema/schema.ts')
  const { url } = resolveTarget(target, io)
  try {
    if (migrate) await migrateFirst(url, io, (message) => log.info(message))
    await withClient({ url, writes: true, retryFor: 0 }, requireCurrentSchema)
  } catch (thrown) {
    if (thrown instanceof InputError) throw thrown
    log.warn({ error: asError(thrown).message }, 'the database is unreachable and was not checked')
  }
}

function loggingObserver(
  log: Logger,
  runLog: (log: Logger) => RunLog,
  { env, cron, timezone, schedule = `${env} ${cron}` }: CliScheduleOptions,
): SchedulerObserver {
  let run = runLog(log)
  let started: string | undefined
  return {
    next: (slot) => log.info({ cron, timezone, slot }, 'waiting for the next slot'),
    skipped: (slots, reason) => log.warn({ slots, reason }, 'skipped'),
    started: (slot, runKey) => {
      started = slot
      run = runLog(log.child({ slot, run_key: runKey, schedule }))
      return run.observer
    },
    finished: (_slot, summary) => run.ended(summary),
    retrying: (_slot, error, { retry, pause }) => run.failed(error, { retry, pause_seconds: pause }),
    failed: (slot, error, why) => {
      // What kept the slot from being started has no run key; the log of the run before it would be the wrong place.
      const place = slot === started ? run : runLog(log.child({ slot, schedule }))
      place.failed(error, { why })
    },
    warned: (message) => log.warn(message),
    stopped: () => log.info('stopped'),
  }
}
