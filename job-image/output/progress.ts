import type { Output } from '../io.ts'
import type { RunEvent, RunObserver } from '../run/request.ts'
import { plural } from '../words.ts'

const CLEAR_LINE = '\r\u001B[2K'
/** Faster than the eye reads would only cost time. */
const REDRAW_MS = 100

/** Tells a run's events on stderr: one line that is redrawn on a terminal, else one line for each that matters. */
export function runReporter(stderr: Output): RunObserver & { done(): void } {
  const terminal = stderr.isTTY === true
  const totals = { systems: 0, done: 0, results: 0 }
  let drawn = 0
  let told = ''
  const line = (text: string): void => {
    stderr.write(`${terminal ? CLEAR_LINE : ''}${text}\n`)
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
    const text = describeEvent(event)
    // Waiting and retrying repeat themselves many times a minute.
    if (text !== undefined && text !== told) line(text)
    told = text ?? told
    draw()
  }
  return Object.assign(observe, {
    done: () => {
      if (terminal) stderr.write(CLEAR_LINE)
    },
  })
}

/** A sentence for the events that a person wants to see after the fact; progress is not one. */
export function describeEvent(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'opened':
      return `${event.resumed ? 'resuming' : 'started'} run ${event.runId} (attempt ${event.attempt})`
    case 'planned':
      return `${plural(event.systems, 'system')}, ${plural(event.controls, 'control')}${stillPending(event)}`
    case 'progress':
    case 'left':
      return undefined
    case 'system-error':
      return `system ${event.systemId} could not be evaluated: ${event.error}`
    case 'waiting':
      return `waiting: ${event.reason}`
    case 'retrying':
      return `trying again: ${event.error}`
    case 'warning':
      return `warning: ${event.message}`
  }
}

function stillPending({ systems, pending }: Extract<RunEvent, { type: 'planned' }>): string {
  return pending === systems ? '' : `, ${plural(pending, 'system')} left to do`
}
