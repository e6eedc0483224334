import type { RunSummary } from '../../../crds/run-summary.ts'
import { exitCodeOf } from '../../errors.ts'
import type { Io } from '../../io.ts'
import type { RunObserver } from '../../run/options.ts'
import type { LogSettings } from '../shared/log-options.ts'

/** How one run of a command is told: to people while it goes on, or as log lines for machines. */
export type RunReport = {
  readonly observer: RunObserver
  /** What happens beside the run. */
  readonly tell: (message: string) => void
  /** What is not as it was asked for, and fails nothing. */
  readonly warn: (message: string) => void
  /** True if the end is told by it; false: the command prints the outcome itself. */
  ended(summary: RunSummary): boolean
  /** The exit code, where the failure is told by it; otherwise it throws the error on. */
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
    tell: (message) => log.info(message),
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
    tell: (message) => reporter.tell(message),
    warn: (message) => reporter.tell(`warning: ${message}`, 'warn'),
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
