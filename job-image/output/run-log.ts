import type { RunSummary } from '../../crds/run-summary.ts'
import type { Logger } from '../../common/logging/logger.ts'
import type { RunEvent, RunObserver } from '../run/options.ts'

export type RunLog = {
  readonly observer: RunObserver
  /** Logs the end of the run with its verdict and counts. */
  ended(summary: RunSummary): void
  /** Logs that this process could not complete the run. */
  failed(error: Error, more?: Readonly<Record<string, unknown>>): void
}

/**
 * Logs a run: at level info its start, its end and the reasons for waiting, independent of the number of batches. Each
 * line has the run's id, attempt and worker once they are known. `log` adds the run's key, schedule and environment.
 */
export function runLog(log: Logger): RunLog {
  const from = performance.now()
  let run = log
  let resumed = false
  const seconds = (): number => Math.round(performance.now() - from) / 1000
  const isRepeated = repeatDetector()
  const once = (level: 'info' | 'warn', text: string, fields: object): void => {
    if (!isRepeated(text, fields)) run[level](fields, text)
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
        once('warn', 'retrying after backoff', { error: event.error })
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
    ended: ({ runId, status, verdict, reason, message, scope, counts }) => {
      // A run that had already succeeded was not opened.
      const id = run === log ? runId : undefined
      const fields = { run_id: id, status, verdict, reason, scope, counts, seconds: seconds() }
      run[status === 'success' ? 'info' : 'error'](fields, message)
    },
    failed: (error, more = {}) =>
      run.error({ error: error.message, ...more, seconds: seconds() }, 'run failed'),
  }
}

/** Detects a line that repeats the one before it: waiting and retrying repeat themselves many times a minute. */
function repeatDetector(): (text: string, fields: object) => boolean {
  let last = ''
  return (text, fields) => {
    const line = JSON.stringify([text, fields])
    const isRepeated = line === last
    last = line
    return isRepeated
  }
}
