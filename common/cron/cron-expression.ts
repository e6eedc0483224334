/** The expression is invalid; the message names the field and the problem. */
export class CronError extends Error {
  override readonly name = 'CronError'
}

/** The values of one field, and whether it was written as "any" (`*`, `?`): that decides between day AND day. */
export type CronField = { readonly values: ReadonlySet<number>; readonly star: boolean }

/** Slots on the calendar, at second 0 of the minutes that match. */
export type CalendarSchedule = {
  readonly kind: 'calendar'
  readonly expression: string
  readonly minute: CronField
  readonly hour: CronField
  readonly dayOfMonth: CronField
  /** January = 1. */
  readonly month: CronField
  /** Sunday = 0. */
  readonly dayOfWeek: CronField
}

/** `@every`: a fixed delay after the previous slot, in whole seconds, at least 1. */
export type IntervalSchedule = {
  readonly kind: 'interval'
  readonly expression: string
  readonly seconds: number
}

export type CronSchedule = CalendarSchedule | IntervalSchedule

export type CronOptions = {
  /** Also read 7 as Sunday in the day of week (classic cron has it; the Kubernetes API server refuses it). */
  readonly sundaySeven?: boolean
}

/**
 * Reads five fields or a descriptor (`@daily`, `@every 1h30m`); throws CronError.
 * Accepts what the Kubernetes API server accepts: robfig/cron v3.0.1's standard parser, without `TZ=`.
 */
export function parseCron(expression: string, { sundaySeven = false }: CronOptions = {}): CronSchedule {
  if (expression === '') throw new CronError('the schedule is empty: write five fields, like "0 2 * * *"')
  // The API server looks for these two letters anywhere; no expression needs them.
  if (expression.includes('TZ')) {
    throw new CronError(`"${expression}": a time zone cannot be part of the schedule; set it separately`)
  }
  if (!expression.startsWith('@')) return parseFields(expression, expression, sundaySeven)
  const fields = DESCRIPTORS[expression]
  if (fields !== undefined) return parseFields(fields, expression, sundaySeven)
  if (expression.startsWith(EVERY)) return parseEvery(expression)
  const known = [...Object.keys(DESCRIPTORS), `${EVERY}<duration>`].join(', ')
  throw new CronError(`"${expression}" is not known; known are ${known}`)
}

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

type FieldRule = {
  readonly name: string
  readonly min: number
  readonly max: number
  /** Where `*` and `5/15` end. */
  readonly openEnd: number
  readonly names: readonly string[]
}

const MINUTE: FieldRule = { name: 'minute', min: 0, max: 59, openEnd: 59, names: [] }
const HOUR: FieldRule = { name: 'hour', min: 0, max: 23, openEnd: 23, names: [] }
const DAY_OF_MONTH: FieldRule = { name: 'day of month', min: 1, max: 31, openEnd: 31, names: [] }
const MONTH: FieldRule = {
  name: 'month',
  min: 1,
  max: 12,
  openEnd: 12,
  names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
}
const DAY_OF_WEEK: FieldRule = {
  name: 'day of week',
  min: 0,
  max: 6,
  openEnd: 6,
  names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
}
/** Only a written 7 is new: with a larger openEnd, a step over the open week would hit the Sunday twice or late. */
const DAY_OF_WEEK_WITH_7: FieldRule = { ...DAY_OF_WEEK, max: 7 }

function parseFields(fields: string, expression: string, sundaySeven: boolean): CalendarSchedule {
  // Go's definition of white space; \s has the byte order mark besides, and no U+0085.
  const parts = fields.split(/\p{White_Space}+/u).filter((part) => part !== '')
  if (parts.length !== 5) {
    const want = 'minute, hour, day of month, month, day of week'
    throw new CronError(
      `"${expression}" has ${parts.length} ${parts.length === 1 ? 'field' : 'fields'}, expected exactly 5 (${want})`,
    )
  }
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = parts
  return {
    kind: 'calendar',
    expression,
    minute: parseField(minute, MINUTE),
    hour: parseField(hour, HOUR),
    dayOfMonth: parseField(dayOfMonth, DAY_OF_MONTH),
    month: parseField(month, MONTH),
    dayOfWeek: parseDayOfWeek(dayOfWeek, sundaySeven),
  }
}

function parseDayOfWeek(text: string, sundaySeven: boolean): CronField {
  const { values, star } = parseField(text, sundaySeven ? DAY_OF_WEEK_WITH_7 : DAY_OF_WEEK)
  return { values: new Set([...values].map((value) => value % 7)), star }
}

/** A list with empty places (`1,,2`, even `,`) is accepted; a list of nothing else never matches. */
function parseField(text: string, rule: FieldRule): CronField {
  const ranges = text
    .split(',')
    .filter((range) => range !== '')
    .map((range) => parseRange(range, rule))
  return {
    values: new Set(ranges.flatMap(({ values }) => [...values])),
    star: ranges.some(({ star }) => star),
  }
}

function parseRange(text: string, rule: FieldRule): CronField {
  const [span = '', stepText, ...moreSteps] = text.split('/')
  if (moreSteps.length > 0) throw fieldError(rule, text, 'has more than one "/"')
  const step = stepText === undefined ? 1 : parseNumber(stepText, text, rule)
  if (step === 0) throw fieldError(rule, text, 'has a step of 0')

  const { from, to, star } = parseSpan(span, stepText !== undefined, text, rule)
  if (from < rule.min) throw fieldError(rule, text, `${from} is below the minimum of ${rule.min}`)
  if (to > rule.max) throw fieldError(rule, text, `${to} is above the maximum of ${rule.max}`)
  if (from > to) throw fieldError(rule, text, `begins at ${from}, after its end ${to}`)

  const values = new Set<number>()
  for (let value = from; value <= to; value += step) values.add(value)
  // `*/2` is a choice of days like any other, so it does not count as "any"; `*/1` does.
  return { values, star: star && step === 1 }
}

type Span = { readonly from: number; readonly to: number; readonly star: boolean }

function parseSpan(span: string, hasStep: boolean, text: string, rule: FieldRule): Span {
  const [low = '', high, ...more] = span.split('-')
  // Text after the star is ignored: `*-5` is `*`, as for the API server.
  if (low === '*' || low === '?') return { from: rule.min, to: rule.openEnd, star: true }
  if (more.length > 0) throw fieldError(rule, text, 'has more than one "-"')
  const from = parseNameOrNumber(low, text, rule)
  if (high !== undefined) return { from, to: parseNameOrNumber(high, text, rule), star: false }
  return { from, to: hasStep ? rule.openEnd : from, star: false }
}

function parseNameOrNumber(word: string, text: string, rule: FieldRule): number {
  const index = rule.names.indexOf(word.toLowerCase())
  return index === -1 ? parseNumber(word, text, rule) : rule.min + index
}

const MAX_INT64 = 2n ** 63n - 1n

function parseNumber(word: string, text: string, rule: FieldRule): number {
  if (!/^\+?\d+$/.test(word)) throw fieldError(rule, text, `"${word}" is not a number${hintAt(rule)}`)
  if (BigInt(word.replace('+', '')) > MAX_INT64) throw fieldError(rule, text, `${word} is too large`)
  return Number(word)
}

function hintAt({ names }: FieldRule): string {
  return names.length === 0 ? '' : ` or a name (${names.join(', ').toUpperCase()})`
}

function fieldError({ name, max }: FieldRule, text: string, problem: string): CronError {
  const sunday = name === DAY_OF_WEEK.name && max === 6 && text.includes('7') ? ' (Sunday is 0)' : ''
  return new CronError(`${name} "${text}": ${problem}${sunday}`)
}

// ── @every ──────────────────────────────────────────────────────────────────────────────────────────────────────

const EVERY = '@every '
const SECOND = 1_000_000_000n
const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: SECOND,
  m: 60n * SECOND,
  h: 3600n * SECOND,
}
const DURATION = /^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/
const DURATION_PART = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g

/** A duration as Go writes it, cut to whole seconds. Nothing, or less than nothing, becomes one second. */
function parseEvery(expression: string): IntervalSchedule {
  const text = expression.slice(EVERY.length)
  const nanoseconds = DURATION.test(text) ? durationOf(text) : undefined
  if (nanoseconds === undefined || nanoseconds > MAX_INT64) {
    throw new CronError(`"${expression}": "${text}" is not a duration; write it like 90s, 5m or 1h30m`)
  }
  const seconds = text.startsWith('-') ? 0 : Number(nanoseconds / SECOND)
  return { kind: 'interval', expression, seconds: Math.max(1, seconds) }
}

function durationOf(text: string): bigint {
  const parts = [...text.matchAll(DURATION_PART)].map(([, whole = '', fraction = '', unit = '']) => {
    const scale = NANOSECONDS[unit] ?? 0n
    return BigInt(whole) * scale + (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length)
  })
  return parts.reduce((sum, part) => sum + part, 0n)
}
