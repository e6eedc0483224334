import type { RunSummary } from '../../../crds/run-summary.ts'
import { exitCodeOf } from '../../errors.ts'
import type { Io } from '../../io.ts'
import type { RunObserver } from '../../run/options.ts'
import type { LogSettings } from '../shared/log-options.ts'

/** The output about one run of a command: progress on the terminal, or log lines. */
export type RunReport = {
  readonly observer: RunObserver
  /** Reports an event that does not belong to the run. */
  readonly info: (message: string) => void
  /** Reports a problem that does not fail the run. */
  readonly warn: (message: string) => void
  /** Reports the end of the run; returns false if the command must print the outcome itself. */
  ended(summary: RunSummary): boolean
  /** Reports a failure and returns the exit code, or rethrows the error. */
  failed(error: Error): number
}

/** `known`: what every line has, such as the run's key, schedule and environment. */
export async function openRunReport(
  settings: LogSettings,
  known: Readonly<Record<string, unknown>>,
  io: Pick<Io, 'stderr'>,
): Promise<RunReport> {
  return settings.format === 'json' ? logReport(settings, known) : textReport(settings, io)
}

async function logReport(
  { output, ...options }: LogSettings,
  known: Readonly<Record<string, unknown>>,
): Promise<RunReport> {
  const { createLogger } = await import('../../../common/logging/logger.ts')
  const { runLog } = await import('../../output/run-log.ts')
  const log = createLogger(output, options).child(known)
  const run = runLog(log)
  return {
    observer: run.observer,
    info: (message) => log.info(message),
    warn: (message) => log.warn(message),
    ended: (summary) => {
      run.ended(summary)
      return true
    },
    failed: (error) => {
      run.failed(error)
      return exitCodeOf(error)
    },
  }
}

async function textReport({ level }: LogSettings, { stderr }: Pick<Io, 'stderr'>): Promise<RunReport> {
  const { runReporter } = await import('../../output/progress.ts')
  const reporter = runReporter(stderr, level)
  return {
    observer: reporter,
    info: (message) => reporter.print(message),
    warn: (message) => reporter.print(`warning: ${message}`, 'warn'),
    ended: () => {
      reporter.done()
      return false
    },
    failed: (error) => {
      reporter.done()
      throw error
    },
  }
}
