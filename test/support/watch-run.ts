import type { RunEvent, RunObserver } from '../../job-image/run/options.ts'

export type RunWatcher = {
  readonly events: readonly RunEvent[]
  readonly observer: RunObserver
  /** Resolves when an event of the type has been emitted. */
  readonly saw: (type: RunEvent['type']) => Promise<void>
}

/** Records the events of a run, so that a test can act at a certain event. */
export function watchRun(): RunWatcher {
  const events: RunEvent[] = []
  const waiting = new Map<string, () => void>()
  return {
    events,
    observer: (event) => {
      events.push(event)
      waiting.get(event.type)?.()
    },
    saw: (type) =>
      events.some((event) => event.type === type)
        ? Promise.resolve()
        : new Promise((resolve) => waiting.set(type, resolve)),
  }
}
