/**
 * A length of time. Months have no fixed length: they become days only from a date, by the calendar, as in PostgreSQL.
 * A year is 12 months; a week is 7 days, and a day is 24 hours, because all times are UTC.
 */
export type Duration = { readonly months: number; readonly seconds: number }

/** Examples for messages. */
export const DURATION_EXAMPLES = '90m, 168h, 7d, 1w, 18mo, 2y or P1DT12H'

/** Seconds of a unit. */
const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY

const WHOLE = '[0-9]{1,9}'
const FRACTION = '[0-9]{1,9}(?:[.][0-9]{1,3})?'

type Units = readonly [pattern: string, unit: string][]
const units = (names: readonly string[], pattern: string): Units => names.map((unit) => [pattern, unit])
const parts = (list: Units): string => list.map(([pattern, unit]) => `(?:(${pattern})${unit})?`).join('')

/** `90m`, `1h30m`: from large to small, each unit once. At least one of them is needed, which the pattern does not say. */
const SHORT = `^${parts([...units(['y', 'mo'], WHOLE), ...units(['w', 'd', 'h', 'm', 's'], FRACTION)])}$`
/** ISO 8601: `P1Y6M`, `PT90M`, with a decimal point. */
const ISO =
  `^P${parts([...units(['Y', 'M'], WHOLE), ...units(['W', 'D'], FRACTION)])}` +
  `(?:T${parts(units(['H', 'M', 'S'], FRACTION))})?$`

/** Both forms, in the regular expressions that JavaScript and RE2 have in common. */
export const DURATION_PATTERNS = [SHORT, ISO] as const

const FORMS = DURATION_PATTERNS.map((pattern) => new RegExp(pattern))

/** Undefined for a text that is no duration. A number needs its unit. */
export function parseDuration(text: string): Duration | undefined {
  if (!/[0-9]/.test(text) || text.endsWith('T')) return undefined
  const found = FORMS.map((form) => form.exec(text)).find((match) => match !== null)
  if (found === undefined) return undefined
  const [years, months, weeks, days, hours, minutes, seconds] = [1, 2, 3, 4, 5, 6, 7].map((part) =>
    Number(found[part] ?? 0),
  ) as [number, number, number, number, number, number, number]
  return {
    months: 12 * years + months,
    // Thousandths are the finest unit: rounding removes the error of binary fractions.
    seconds: rounded(WEEK * weeks + DAY * days + HOUR * hours + MINUTE * minutes + seconds),
  }
}

/** The shortest text of the form `1y6mo`, `7d`, `1h30m`. Parsing it gives the duration again. */
export function formatDuration({ months, seconds }: Duration): string {
  const pieces: string[] = []
  let left = seconds
  const take = (unit: string, size: number): void => {
    const count = Math.floor(left / size)
    if (count === 0) return
    pieces.push(`${count}${unit}`)
    left = rounded(left - count * size)
  }
  if (months >= 12) pieces.push(`${Math.floor(months / 12)}y`)
  if (months % 12 > 0) pieces.push(`${months % 12}mo`)
  take('d', DAY)
  take('h', HOUR)
  take('m', MINUTE)
  if (left > 0 || pieces.length === 0) pieces.push(`${left}s`)
  return pieces.join('')
}

/** A length for limits only: a year counts as 366 days and a month as a twelfth of that, so that `1y` is `12mo`. */
export const LIMIT_MONTH = (366 / 12) * DAY

/** How long it counts in a comparison with a limit, in seconds. */
export function limitSeconds({ months, seconds }: Duration): number {
  return months * LIMIT_MONTH + seconds
}

/**
 * An interval for PostgreSQL. What it is subtracted from is the reference: months first, by the calendar, where a day
 * that a month lacks is its last one (March 31 minus a month is the end of February).
 */
export function intervalText({ months, seconds }: Duration): string {
  return `${months} months ${seconds} seconds`
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
