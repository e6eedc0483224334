/**
 * Microseconds since 1970-01-01T00:00:00Z; ±Infinity for PostgreSQL's infinity.
 * A double holds every microsecond up to the year 2255 and every whole second up to the year 20000: enough, and
 * comparisons stay plain numbers. (Date has milliseconds only and would cut what the database stored.)
 */
export type Micros = number

const MICROS_PER_SECOND = 1_000_000
const SECONDS_PER_DAY = 86_400

/** Date, time, fraction, zone, era. Years have four digits or more; six and a sign are ISO's expanded form. */
const TIMESTAMP =
  /^([+-]?\d{4,6})-(\d\d)-(\d\d)[ Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|z|[+-]\d\d(?::?\d\d(?::\d\d)?)?)?( BC)?$/

/**
 * Reads PostgreSQL's ISO text of a `timestamp` and ISO-8601; no zone means UTC (the tables' convention).
 * Throws on anything else: a time that was guessed would decide whether evidence has expired.
 */
export function parseTimestamp(text: string): Micros {
  if (text === 'infinity') return Infinity
  if (text === '-infinity') return -Infinity
  const match = TIMESTAMP.exec(text)
  if (match === null) throw notATimestamp(text)
  const [, year = '', month, day, hour, minute, second = '0', fraction = '', zone, era] = match
  const days = daysFromCivil(yearOf(year, era), Number(month), Number(day))
  const seconds = secondsOfDay(Number(hour), Number(minute), Number(second))
  const offset = offsetSeconds(zone)
  if (days === undefined || seconds === undefined || offset === undefined) throw notATimestamp(text)
  // Digits below a microsecond are cut, never rounded up: an expiry must not move into the future.
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0'))
  return (days * SECONDS_PER_DAY + seconds - offset) * MICROS_PER_SECOND + micros
}

/** ISO-8601 in UTC with Z; the six digits of the fraction only when it is not zero; infinities as PostgreSQL's. */
export function formatTimestamp(micros: Micros): string {
  if (micros === Infinity) return 'infinity'
  if (micros === -Infinity) return '-infinity'
  if (Number.isNaN(micros)) throw new RangeError('NaN is not a time')
  const seconds = Math.floor(micros / MICROS_PER_SECOND)
  const fraction = micros - seconds * MICROS_PER_SECOND
  const days = Math.floor(seconds / SECONDS_PER_DAY)
  const rest = seconds - days * SECONDS_PER_DAY
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60]
    .map((part) => pad(part, 2))
    .join(':')
  const tail = fraction === 0 ? 'Z' : `.${pad(fraction, 6)}Z`
  return `${civilFromDays(days)}T${time}${tail}`
}

function notATimestamp(text: string): RangeError {
  return new RangeError(`not a timestamp: ${JSON.stringify(text.slice(0, 60))}`)
}

/** Astronomical: 1 BC is the year 0. NaN for a year that does not exist before Christ ("0000 BC", "-0044 BC"). */
function yearOf(text: string, era: string | undefined): number {
  const year = Number(text)
  if (era === undefined) return year
  return year > 0 ? 1 - year : NaN
}

function secondsOfDay(hour: number, minute: number, second: number): number | undefined {
  return hour < 24 && minute < 60 && second < 60 ? hour * 3600 + minute * 60 + second : undefined
}

/** ISO and PostgreSQL: +02, +02:00, +0200, and +00:19:32 for local mean times; both stop at 15:59:59. */
function offsetSeconds(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0
  const digits = zone.slice(1).replaceAll(':', '')
  const part = (at: number): number => Number(digits.slice(at, at + 2))
  const seconds = part(0) < 16 ? secondsOfDay(part(0), part(2), part(4)) : undefined
  return seconds !== undefined && zone.startsWith('-') ? -seconds : seconds
}

/*
 * Proleptic Gregorian calendar (PostgreSQL's) counted in 400-year eras of 146,097 days that begin on 1 March, so that
 * the leap day is the last day of a year. 719,468 days lie between 0000-03-01 and 1970-01-01.
 */
const DAYS_PER_ERA = 146_097
const EPOCH_SHIFT = 719_468
const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function daysFromCivil(year: number, month: number, day: number): number | undefined {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const length = (MONTH_LENGTHS[month - 1] ?? 0) + (month === 2 && leap ? 1 : 0)
  if (Number.isNaN(year) || day < 1 || day > length) return undefined
  const marchYear = month > 2 ? year : year - 1
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * DAYS_PER_ERA + yearOfEra * 365 + leapDays + dayOfYear - EPOCH_SHIFT
}

function civilFromDays(days: number): string {
  const shifted = days + EPOCH_SHIFT
  const era = Math.floor(shifted / DAYS_PER_ERA)
  const dayOfEra = shifted - era * DAYS_PER_ERA
  // Take the leap days before this day out again; what is left divides by 365 evenly.
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / (DAYS_PER_ERA - 1))
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - (yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1
  const month = ((marchMonth + 2) % 12) + 1
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  return `${formatYear(year)}-${pad(month, 2)}-${pad(day, 2)}`
}

function formatYear(year: number): string {
  if (year >= 0 && year <= 9999) return pad(year, 4)
  return `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

/** ISO-8601 with Z of PostgreSQL's naive UTC text. */
export function isoTimestamp(text: string): string
export function isoTimestamp(text: string | null): string | null
export function isoTimestamp(text: string | null): string | null {
  return text === null ? null : formatTimestamp(parseTimestamp(text))
}
