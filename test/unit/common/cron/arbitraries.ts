import fc from 'fast-check'

const MONTHS = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ')
const DAYS = 'SUN MON TUE WED THU FRI SAT'.split(' ')

/** A field of one to three ranges; "any" is as frequent as in the expressions that people write. */
function anyField(min: number, max: number, names: string[] = []): fc.Arbitrary<string> {
  const number = fc.integer({ min, max }).map(String)
  const value = names.length === 0 ? number : fc.oneof(number, fc.constantFrom(...names))
  const step = fc.integer({ min: 1, max: max + 10 })
  const range = fc
    .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
    .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`)
  const part = fc.oneof(
    { weight: 4, arbitrary: value },
    { weight: 2, arbitrary: range },
    { weight: 1, arbitrary: fc.tuple(range, step).map(([span, by]) => `${span}/${by}`) },
    { weight: 1, arbitrary: fc.tuple(value, step).map(([from, by]) => `${from}/${by}`) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('*', '?'), step).map(([star, by]) => `${star}/${by}`) },
  )
  return fc.oneof(
    fc.constantFrom('*', '*', '?'),
    fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(',')),
  )
}

/** A valid expression of five fields. */
export const anyExpression = fc
  .tuple(anyField(0, 59), anyField(0, 23), anyField(1, 31), anyField(1, 12, MONTHS), anyField(0, 6, DAYS))
  .map((fields) => fields.join(' '))

/** Text that looks like an expression; one in six is one. */
export const anyText = fc
  .tuple(
    anyExpression,
    fc.nat(),
    fc.nat(2),
    fc.constantFrom(...'0 1 5 7 9 * ? / - , + L W # JAN sun Fri'.split(' '), ' '),
  )
  .map(([expression, position, removed, inserted]) => {
    const at = position % expression.length
    return expression.slice(0, at) + inserted + expression.slice(at + removed)
  })

/** Zones on whose past all releases of the zone database agree. */
export const anyZone = fc.constantFrom(
  ...'America/New_York America/St_Johns America/Sao_Paulo America/Santiago America/Havana America/Caracas'.split(
    ' ',
  ),
  ...'Europe/Berlin Europe/London Europe/Moscow Africa/Cairo Africa/Casablanca Asia/Beirut Asia/Gaza'.split(
    ' ',
  ),
  ...'Asia/Amman Asia/Tehran Asia/Kathmandu Asia/Pyongyang Atlantic/Azores Antarctica/Troll'.split(' '),
  ...'Antarctica/Casey Australia/Sydney Australia/Lord_Howe Pacific/Auckland Pacific/Chatham Etc/UTC'.split(
    ' ',
  ),
)

/** Seconds since the epoch, 2010 to 2019: all that Next reaches from there is past as well. */
export const anyStart = fc.integer({ min: Date.UTC(2010, 0) / 1000, max: Date.UTC(2020, 0) / 1000 })
