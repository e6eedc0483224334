import type { RunSummary } from '../../crds/run-summary.ts'
import type { Logger } from '../../common/logging/logger.ts'
import type { RunEvent, RunObserver } from '../run/options.ts'

export type RunLog = {
  readonly observer: RunObserver
  /** The run came to its end: its verdict and all of its counts. */
  ended(summary: RunSummary): void
  /** This process could not bring it there. */
  failed(error: Error, more?: Readonly<Record<string, unknown>>): void
}

/**
 * A run as log lines: at info one when it starts and one when it has ended, however many batches it takes, and what
 * keeps it waiting; each with what is known of the run by then. `log` brings the run's key, schedule and environment.
 */
export function runLog(log: Logger): RunLog {
  const from = performance.now()
  let run = log
  let resumed = false
  let told = ''
  const seconds = (): number => Math.round(performance.now() - from) / 1000
  /** Waiting and retrying repeat themselves many times a minute. */
  const once = (level: 'info' | 'warn', text: string, fields: object): void => {
    const key = JSON.stringify([text, fields])
    if (key !== told) run[level](fields, text)
    told = key
  }
  const observer = (event: RunEvent): void => {
    switch (event.type) {
      case 'opened':
        resumed = event.resumed
        run = log.child({ run_id: event.runId, attempt: event.attempt, worker: event.worker })
        run.debug('run opened')
        return
      case 'planned': {
        const { systems, pending, controls } = event
        run.info({ systems, pending, controls }, resumed ? 'run resumed' : 'run started')
        return
      }
      case 'progress':
        run.debug({ systems: event.systems, results: event.results }, 'batch stored')
        return
      case 'system-error':
        run.warn({ system_id: event.systemId, error: event.error }, 'system could not be evaluated')
        return
      case 'waiting':
        once('info', 'waiting', { reason: event.reason })
        return
      case 'retrying':
        once('warn', 'trying again', { error: event.error })
        return
      case 'warning':
        once('warn', event.message, {})
        return
      case 'closed':
        run.debug({ status: event.summary.status }, 'run ended')
        return
      case 'left':
        run.debug({ status: event.summary.status }, 'run left')
    }
  }
  return {
    observer,
    ended: ({ runId, status, verdict, reason, message, scope, counts }) =>
      run[status === 'success' ? 'info' : 'error'](
        {
          // A run that had succeeded before was never opened.
          ...(run === log ? { run_id: runId } : {}),
          status,
          verdict,
          reason,
          ...(scope === undefined ? {} : { scope }),
          counts,
          seconds: seconds(),
        },
        message,
      ),
    failed: (error, more = {}) =>
      run.error({ error: error.message, ...more, seconds: seconds() }, 'run failed'),
  }
}
