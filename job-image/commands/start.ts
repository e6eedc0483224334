import { command, number, option, string } from 'cmd-ts'
import type { Logger } from 'pino'
import { InputError, asError } from '../errors.ts'
import { describeEvent } from '../output/progress.ts'
import type { Action, Io } from '../io.ts'
import type { SchedulerObserver, SchedulerOptions } from '../run/scheduler.ts'
import { migrateFirst } from './once.ts'
import { configOption, databaseUrlOption, envOption, migrateFlag } from './options.ts'
import { incrementalArgs, incrementalFrom, selectionArgs, selectionFrom } from './run-options.ts'

const cronOption = option({
  long: 'cron',
  type: string,
  defaultValue: () => '0 2 * * *',
  defaultValueIsSerializable: true,
  description: 'When to run: minute hour day-of-month month day-of-week, as a Kubernetes CronJob reads them',
})
const timezoneOption = option({
  long: 'timezone',
  type: string,
  defaultValue: () => 'Etc/UTC',
  defaultValueIsSerializable: true,
  description: 'Time zone of the schedule (IANA name)',
})
const deadlineOption = option({
  long: 'starting-deadline',
  type: number,
  defaultValue: () => 300,
  defaultValueIsSerializable: true,
  description: 'How late, in seconds, a slot may still be run; later ones are skipped with a message',
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
    ...selectionArgs,
    ...incrementalArgs,
    migrate: migrateFlag,
  },
  examples: [
    { description: 'Every night at two, UTC', command: 'rapidrmf scheduler start --env production' },
    {
      description: 'Workdays at half past six in Berlin',
      command: 'rapidrmf scheduler start --cron "30 6 * * 1-5" --timezone Europe/Berlin',
    },
  ],
  handler:
    ({ migrate, ...options }): Action =>
    async (io) => {
      const { createLogger } = await import('../output/logger.ts')
      const { checkScheduler, watchSchedule } = await import('../run/scheduler.ts')
      const log = createLogger(io.stderr).child({ environment: options.env })
      const selection = selectionFrom(options)
      const scheduler: SchedulerOptions = {
        ...options,
        ...(selection === undefined ? {} : { selection }),
        incremental: incrementalFrom(options),
        signal: io.signal,
        observer: loggingObserver(log, options),
      }
      if (!(options.startingDeadline > 0))
        throw new InputError('--starting-deadline: expected seconds, more than 0')
      checkScheduler(scheduler, io)
      await checkDatabase(options, migrate, io, log)
      await watchSchedule(scheduler, io)
      return 0
    },
})

type Target = Pick<SchedulerOptions, 'config' | 'env' | 'databaseUrl'>

/**
 * What a person must mend (a wrong password, tables not migrated) stops the start; a database that is away does not:
 * the scheduler outlives an outage whenever it comes.
 */
async function checkDatabase(target: Target, migrate: boolean, io: Io, log: Logger): Promise<void> {
  const { resolveTarget } = await import('../config/target.ts')
  const { withClient } = await import('../db/client.ts')
  const { requireCurrentSchema } = await import('../db/schema.ts')
  const { url } = resolveTarget(target, io)
  try {
    if (migrate) await migrateFirst(url, io)
    await withClient({ url, retryFor: 0 }, requireCurrentSchema)
  } catch (thrown) {
    if (thrown instanceof InputError) throw thrown
    log.warn({ error: asError(thrown).message }, 'the database cannot be checked now; going on')
  }
}

function loggingObserver(
  log: Logger,
  { cron, timezone }: Pick<SchedulerOptions, 'cron' | 'timezone'>,
): SchedulerObserver {
  return {
    next: (slot) => log.info({ cron, timezone, slot }, 'waiting for the next slot'),
    skipped: (slots, reason) => log.warn({ slots, reason }, 'skipped'),
    started: (slot, runKey) => {
      const run = log.child({ slot, run_key: runKey })
      run.info('run due')
      return (event) => {
        const text = describeEvent(event)
        if (text === undefined) return
        const quiet = event.type === 'opened' || event.type === 'planned' || event.type === 'waiting'
        run[quiet ? 'info' : 'warn'](
          event.type === 'opened' ? { run_id: event.runId, attempt: event.attempt } : {},
          text,
        )
      }
    },
    finished: (slot, { runId, verdict, message, counts }) =>
      log.info({ slot, run_id: runId, verdict, counts }, message),
    retrying: (slot, error, { retry, pause }) =>
      log.warn({ slot, error: error.message, retry, pause_seconds: pause }, 'run failed; trying again'),
    failed: (slot, error, why) =>
      log.error({ slot, error: error.message, ...(why === undefined ? {} : { why }) }, 'run failed'),
    warned: (message) => log.warn(message),
    stopped: () => log.info('stopped'),
  }
}
