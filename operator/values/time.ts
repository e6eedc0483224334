/** A time as Kubernetes writes it, UTC in whole seconds; undefined for what is no time. */
export function utc(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  const milliseconds = Date.parse(text)
  return Number.isNaN(milliseconds) ? undefined : isoTime(milliseconds)
}

export function isoTime(time: Date | number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`
}

/** Milliseconds since the epoch of a text that `utc` made. */
export function instant(text: string): number {
  return Date.parse(text)
}

/** The newest of the given times; texts of one form sort as the times they name. */
export function newest(...times: readonly (string | undefined)[]): string | undefined {
  return times.reduce((best, time) =>
    time !== undefined && (best === undefined || time > best) ? time : best,
  )
}

/** The earliest of the given times. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

/** Clocks of two machines of a cluster may differ by this much: what lies further in the future is no time of the past. */
export const CLOCK_SKEW_MS = 60_000
