import { DURATION_EXAMPLES, DURATION_PATTERNS, LIMIT_MONTH } from '../common/duration.ts'
import type { Rule } from './schema-parts.ts'

/** Seconds of each unit, as CEL writes a map of doubles. */
const celUnits = (units: Readonly<Record<string, number>>): string =>
  `{${Object.entries(units)
    .map(([unit, seconds]) => `'${unit}': ${seconds}.0`)
    .join(', ')}}`

const DAY = 86_400
const YEAR = 12 * LIMIT_MONTH
const WEEK = 7 * DAY
const DATE = celUnits({
  y: YEAR,
  mo: LIMIT_MONTH,
  w: WEEK,
  d: DAY,
  h: 3600,
  m: 60,
  s: 1,
  Y: YEAR,
  M: LIMIT_MONTH,
  W: WEEK,
  D: DAY,
})
const TIME = celUnits({ H: 3600, M: 60, S: 1 })

const seconds = (text: string, units: string): string =>
  `${text}.findAll('[0-9.]+[A-Za-z]+').map(part, double(part.find('[0-9.]+')) * ${units}[part.find('[A-Za-z]+')])`

/** What is before and after the `T` of ISO 8601, which the other form does not have. */
const TOTAL = `([0.0] + ${seconds("self.split('T')[0]", DATE)} + ${seconds("(self + 'T').split('T')[1]", TIME)}).sum()`

const FORM =
  `(${DURATION_PATTERNS.map((pattern) => `self.matches('${pattern}')`).join(' || ')})` +
  " && self.matches('[0-9]') && !self.endsWith('T')"

/** Characters of a duration: the cost of the rule grows with them. */
export const MAX_DURATION = 32

/** What `parseDuration` reads, within limits as `limitSeconds` counts them. Limits in whole seconds; `range`: the same for people. */
export function durationRule(min: number, max: number, range: string): Rule {
  return [
    `${FORM} && [${TOTAL}].all(total, total >= ${min}.0 && total <= ${max}.0)`,
    `needs a duration such as ${DURATION_EXAMPLES}, from ${range}`,
  ]
}
