/** This runtime does not know a zone; the message gives the reason and an alternative. */
export class TimeZoneError extends Error {
  override readonly name = 'TimeZoneError'
}

/** The local time. Months count from 1, weekdays from Sunday = 0. */
export type WallTime = {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly weekday: number
}

/** The fields of a local time; a time of day that is left out is midnight. */
type WallFields = Pick<WallTime, 'year' | 'month' | 'day'> &
  Partial<Pick<WallTime, 'hour' | 'minute' | 'second'>>

/** The zone's distance to UTC changes `at` (seconds since the epoch) by the difference of the two offsets. */
export type Transition = { readonly at: number; readonly before: number; readonly after: number }

/** One zone's clock. Instants are whole seconds since the epoch, offsets are seconds east of UTC. */
export type ZoneClock = {
  offsetAt(instant: number): number
  wallAt(instant: number): WallTime
  /**
   * The instant at which the wall shows these fields. Fields out of range carry over (day 32, month 13), and
   * where the clocks change it picks what Go's `time.Date` picks: a time in a gap or an overlap is read with the
   * offset that holds at the instant one gets by taking the wall time for UTC and correcting once.
   */
  instantOf(fields: WallFields): number
  /** The changes of offset after `from`, up to and including `until`. */
  transitionsBetween(from: number, until: number): Transition[]
}

/**
 * Whether `name` is a zone of the IANA database that this runtime knows, in the database's own spelling.
 * Intl alone accepts more than Go, and so than the Kubernetes API server: any letter case, fixed offsets (`+01:00`)
 * and abbreviations with a wrong guess behind them (`IST`).
 */
export function isTimeZone(name: string): boolean {
  const known = canonicalName(name)
  if (known === undefined) return false
  if (known.toLowerCase() === name.toLowerCase()) return known === name && !OFFSET_OR_LEGACY.test(name)
  return name.includes('/') ? ALIAS_SHAPE.test(name) : BARE_ALIASES.has(name)
}

/** Returns the cached clock of a zone; throws TimeZoneError for an unknown one. */
export function zoneClock(name: string): ZoneClock {
  const kept = clocks.get(name)
  if (kept !== undefined) return kept
  if (!isTimeZone(name)) {
    throw new TimeZoneError(
      `unknown time zone "${name}": use a name of the IANA database, like Europe/Berlin`,
    )
  }
  const clock = createClock(name)
  clocks.set(name, clock)
  return clock
}

/** Bounded without an eviction rule: isTimeZone lets through one spelling for each of some 600 names. */
const clocks = new Map<string, ZoneClock>()

const OFFSET_OR_LEGACY = /^[+-]|^SystemV\//
/** Intl resolves an alias to its target, so the letter case of an alias is checked by its shape. */
const ALIAS_SHAPE =
  /^(?:Etc\/GMT[+-]?\d{1,2}|(?!SystemV\/)(?:US|[A-Z][a-z]+)(?:[/_-](?:(?:[A-Z][a-z]+)+|ACT|LHI|NSW|IN|UCT|UTC|GMT))+)$/
/** The aliases without an area. The database adds no more of them. */
const BARE_ALIASES = new Set(
  `CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST Hongkong Iceland Iran
  Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK
  Singapore Turkey UCT Universal W-SU WET Zulu`.split(/\s+/),
)

function canonicalName(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}

/** 4 days: since 1970 no zone has changed its offset twice within 6.9 days, so a stretch holds one change at most. */
const STRETCH = 4 * 86_400

/** One stretch of time: the offset at its start and, if it changes on the way, when and to what. */
type Stretch = { readonly offset: number; readonly change: Transition | undefined }

function createClock(name: string): ZoneClock {
  const intlOffset = intlOffsets(name)
  const stretches = new Map<number, Stretch>()

  // Intl takes a microsecond for each instant, and Next needs hundreds: two calls cover four days.
  const stretchAt = (index: number): Stretch => {
    const kept = stretches.get(index)
    if (kept !== undefined) return kept
    const stretch = measure(intlOffset, index * STRETCH, (index + 1) * STRETCH)
    stretches.set(index, stretch)
    return stretch
  }
  const offsetAt = (instant: number): number => {
    const { offset, change } = stretchAt(Math.floor(instant / STRETCH))
    return change !== undefined && instant >= change.at ? change.after : offset
  }
  return {
    offsetAt,
    wallAt(instant) {
      const date = new Date((instant + offsetAt(instant)) * 1000)
      return {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
        weekday: date.getUTCDay(),
      }
    },
    instantOf({ year, month, day, hour = 0, minute = 0, second = 0 }) {
      const asUtc = Date.UTC(year, month - 1, day, hour, minute, second) / 1000
      return asUtc - offsetAt(asUtc - offsetAt(asUtc))
    },
    transitionsBetween(from, until) {
      const found: Transition[] = []
      for (let index = Math.floor(from / STRETCH); index * STRETCH < until; index += 1) {
        const { change } = stretchAt(index)
        if (change !== undefined && change.at > from && change.at <= until) found.push(change)
      }
      return found
    },
  }
}

function measure(offsetAt: (instant: number) => number, start: number, end: number): Stretch {
  const before = offsetAt(start)
  const after = offsetAt(end)
  if (before === after) return { offset: before, change: undefined }
  let [low, high] = [start, end]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(middle) === before) low = middle
    else high = middle
  }
  return { offset: before, change: { at: high, before, after } }
}

/** Computes an offset slowly: Intl formats the local time, and UTC is subtracted. */
function intlOffsets(timeZone: string): (instant: number) => number {
  const digits = 'numeric'
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: digits,
    month: digits,
    day: digits,
    hour: digits,
    minute: digits,
    second: digits,
  })
  return (instant) => {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = format
      .format(instant * 1000)
      .split(/\D+/)
      .map(Number)
    return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - instant
  }
}
