import { isoTime } from '../../common/iso-time.ts'

/** Formats a time as Kubernetes does, UTC in whole seconds; undefined if it is not a time. */
export function utc(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  const milliseconds = Date.parse(text)
  return Number.isNaN(milliseconds) ? undefined : isoTime(milliseconds)
}

/** Milliseconds since the epoch of a text from `utc`. */
export function instant(text: string): number {
  return Date.parse(text)
}

/** Returns the newest time; texts of one format sort like the times. */
export function newest(...times: readonly (string | undefined)[]): string | undefined {
  return times.reduce((best, time) =>
    time !== undefined && (best === undefined || time > best) ? time : best,
  )
}

/** Returns the earliest time. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

/** Milliseconds by which clocks in a cluster may differ: a time further in the future is not in the past. */
export const CLOCK_SKEW_MS = 60_000
