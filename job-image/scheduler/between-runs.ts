import { sleep } from '../../common/clock.ts'
import { resolveSink } from '../config/notifications.ts'
import { resolveTarget } from '../config/target.ts'
import type { TargetOptions } from '../config/target.ts'
import { InputError, asError } from '../errors.ts'
import type { Io } from '../io.ts'
import { sendDue } from '../outbox/send-due.ts'
import { timingFrom } from '../run/from-config.ts'
import { closeAbandonedRunsOf } from '../run/abandoned-runs.ts'

/** Interval of polling the outbox, in ms: short compared with the default grace of five minutes. */
const INTERVAL = 60_000

/**
 * Closes abandoned runs of all environments of the database and sends due notices while a scheduler is running, so that
 * they do not wait for the next slot. Does nothing without sinks. The configuration is reloaded each time; runs report
 * its problems.
 */
export async function sendBetweenRuns(
  target: TargetOptions,
  io: Pick<Io, 'env' | 'cwd'>,
  signal: AbortSignal,
  warned: (message: string) => void,
  interval: number = INTERVAL,
): Promise<void> {
  const observer = ({ message }: { readonly message: string }): void => warned(message)
  while (await passes(interval, signal)) {
    try {
      const { config, url } = resolveTarget(target, io)
      const notifications = config.notifications.map((each) => resolveSink(each, io.env).sink)
      if (notifications.length > 0) {
        const target = { url, applicationName: 'rapidrmf notices', retryFor: 0 }
        const { abandonAfter } = timingFrom(io.env)
        await closeAbandonedRunsOf(target, null, { abandonAfter, notifications, observer })
      }
      await sendDue({ databaseUrl: url, notifications, observer }, { signal })
    } catch (thrown) {
      if (!(thrown instanceof InputError)) warned(asError(thrown).message)
    }
  }
}

/** Waits `ms`; returns false as soon as the signal is aborted. */
async function passes(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, signal)
  return !signal.aborted
}
