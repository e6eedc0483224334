import type { RunEvent, RunObserver } from '../../job-image/run/options.ts'

export type RunWatcher = {
  readonly events: readonly RunEvent[]
  readonly observer: RunObserver
  /** Resolves once an event of the type has been told. */
  readonly saw: (type: RunEvent['type']) => Promise<void>
}

/** Listens to a run, so that its test can act at a certain moment of it. */
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
