import { printable } from '../../common/printable.ts'
import { isLogged } from '../../common/logging/levels.ts'
import type { LogLevel } from '../../common/logging/levels.ts'
import { redactSecrets } from '../../common/logging/redact.ts'
import type { Output } from '../io.ts'
import type { RunEvent, RunObserver } from '../run/options.ts'
import { plural } from '../plural.ts'

const CLEAR_LINE = '\r\u001B[2K'
/** Faster than the eye reads would only cost time. */
const REDRAW_MS = 100

const LEVELS: Readonly<Record<RunEvent['type'], LogLevel>> = {
  opened: 'info',
  planned: 'info',
  progress: 'debug',
  'system-error': 'warn',
  waiting: 'info',
  retrying: 'warn',
  warning: 'warn',
  closed: 'debug',
  left: 'debug',
}

/**
 * Reports a run's events on stderr: one line that is redrawn on a terminal, otherwise one line for each important event.
 * `least` is the lowest level that is printed; the redrawn line has level info.
 */
export function runReporter(
  stderr: Output,
  least: LogLevel = 'info',
): RunObserver & {
  /** Prints a line that is not an event of the run. */
  print(text: string, level?: LogLevel): void
  done(): void
} {
  const terminal = stderr.isTTY === true && isLogged('info', least)
  const totals = { systems: 0, done: 0, results: 0 }
  let drawn = 0
  let last = ''
  const print = (text: string, level: LogLevel = 'info'): void => {
    if (isLogged(level, least))
      stderr.write(`${terminal ? CLEAR_LINE : ''}${printable(redactSecrets(text))}\n`)
  }
  const draw = (): void => {
    if (!terminal || totals.systems === 0 || Date.now() - drawn < REDRAW_MS) return
    drawn = Date.now()
    const percent = Math.floor((100 * totals.done) / totals.systems)
    stderr.write(
      `${CLEAR_LINE}${percent} % · ${totals.done} of ${totals.systems} systems · ${totals.results} results`,
    )
  }
  const observe = (event: RunEvent): void => {
    if (event.type === 'planned') {
      totals.systems = event.systems
      totals.done = event.systems - event.pending
    }
    if (event.type === 'progress') {
      totals.done += event.systems
      totals.results += event.results
    }
    const level = LEVELS[event.type]
    const text = isLogged(level, least) ? describeEvent(event) : undefined
    // Waiting and retrying repeat themselves many times a minute.
    if (text !== undefined && (text !== last || event.type === 'progress')) print(text, level)
    last = text ?? last
    draw()
  }
  return Object.assign(observe, {
    print,
    done: () => {
      if (terminal) stderr.write(CLEAR_LINE)
    },
  })
}

/** A sentence for a person. */
function describeEvent(event: RunEvent): string {
  switch (event.type) {
    case 'opened':
      return `${event.resumed ? 'resuming' : 'started'} run ${event.runId} (attempt ${event.attempt})`
    case 'planned':
      return `${plural(event.systems, 'system')}, ${plural(event.controls, 'control')}${stillPending(event)}`
    case 'progress':
      return `stored ${plural(event.systems, 'system')}, ${plural(event.results, 'result')}`
    case 'closed':
      return `run ${event.summary.runId} ended (${event.summary.status})`
    case 'left':
      return `left run ${event.summary.runId} (${event.summary.status})`
    case 'system-error':
      return `system ${event.systemId} could not be evaluated: ${event.error}`
    case 'waiting':
      return `waiting: ${event.reason}`
    case 'retrying':
      return `retrying: ${event.error}`
    case 'warning':
      return `warning: ${event.message}`
  }
}

function stillPending({ systems, pending }: Extract<RunEvent, { type: 'planned' }>): string {
  return pending === systems ? '' : `, ${plural(pending, 'system')} left to do`
}
