import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CronError, parseCron } from '../../../../common/cron/cron-expression.ts'
import type { CalendarSchedule } from '../../../../common/cron/cron-expression.ts'
import { anyExpression } from './arbitraries.ts'
import { golden } from './golden.ts'

const { expressions } = golden('expressions.json') as {
  expressions: { expression: string; refused?: string }[]
}

describe('expressions', () => {
  test('accepted and refused as by the API server', () => {
    const disagreed = expressions.filter(({ expression, refused }) => {
      return (refusal(expression) === undefined) !== (refused === undefined)
    })
    expect(disagreed).toEqual([])
  })

  function refusal(expression: string): string | undefined {
    try {
      parseCron(expression)
      return undefined
    } catch (thrown) {
      if (thrown instanceof CronError) return thrown.message
      throw thrown
    }
  }
})

describe('7 for Sunday, on request', () => {
  const weekdays = (field: string) =>
    [...(parseCron(`0 0 * * ${field}`, { sundaySeven: true }) as CalendarSchedule).dayOfWeek.values].sort(
      (a, b) => a - b,
    )

  test.each([
    ['7', [0]],
    ['0,7', [0]],
    ['5-7', [0, 5, 6]],
    ['0-7', [0, 1, 2, 3, 4, 5, 6]],
    ['*/2', [0, 2, 4, 6]],
    ['1/2', [1, 3, 5]],
    ['1-7/2', [0, 1, 3, 5]],
    ['SAT-7', [0, 6]],
  ])('%s', (field, wanted) => expect(weekdays(field)).toEqual(wanted))

  test('what is accepted without it means the same with it', () => {
    fc.assert(
      fc.property(anyExpression, (expression) => {
        expect(parseCron(expression, { sundaySeven: true })).toEqual(parseCron(expression))
      }),
      { seed: 7 },
    )
  })

  test('8 is refused', () => {
    expect(() => parseCron('0 0 * * 8', { sundaySeven: true })).toThrow(
      'day of week "8": 8 is above the maximum of 7',
    )
  })
})

describe('messages', () => {
  test.each([
    ['', 'the schedule is empty: write five fields, like "0 2 * * *"'],
    [
      '0 0 2 * * *',
      '"0 0 2 * * *" has 6 fields, expected exactly 5 (minute, hour, day of month, month, day of week)',
    ],
    ['2', '"2" has 1 field, expected exactly 5 (minute, hour, day of month, month, day of week)'],
    ['0 25 * * *', 'hour "25": 25 is above the maximum of 23'],
    ['0 2 0 * *', 'day of month "0": 0 is below the minimum of 1'],
    ['0 2 * * 7', 'day of week "7": 7 is above the maximum of 6 (Sunday is 0)'],
    ['0 2 L * *', 'day of month "L": "L" is not a number'],
    ['0 5-2 * * *', 'hour "5-2": begins at 5, after its end 2'],
    ['*/0 * * * *', 'minute "*/0": has a step of 0'],
    ['1/2/3 * * * *', 'minute "1/2/3": has more than one "/"'],
    ['1-2-3 * * * *', 'minute "1-2-3": has more than one "-"'],
    ['TZ=UTC 0 2 * * *', '"TZ=UTC 0 2 * * *": a time zone cannot be part of the schedule; set it separately'],
    ['@every 5d', '"@every 5d": "5d" is not a duration; write it like 90s, 5m or 1h30m'],
  ])('%s', (expression, message) => expect(() => parseCron(expression)).toThrow(new CronError(message)))

  test('names of days and months are offered', () => {
    expect(() => parseCron('0 2 * JUNE *')).toThrow('"JUNE" is not a number or a name (JAN, FEB, ')
  })

  test('an unknown descriptor lists the known ones', () => {
    expect(() => parseCron('@reboot')).toThrow(
      /"@reboot" is not known; known are @yearly, .*@every <duration>/,
    )
  })
})

describe('the values of a field', () => {
  const fields = (expression: string) => {
    const { minute, hour, dayOfMonth, month, dayOfWeek } = parseCron(expression) as CalendarSchedule
    return [minute, hour, dayOfMonth, month, dayOfWeek].map(({ values, star }) => ({
      values: [...values].join(' '),
      star,
    }))
  }

  test('are those of lists, ranges, steps and names', () => {
    expect(fields('5,50-59/3 22/1 1-3 FEB,nov sun-tue')).toEqual([
      { values: '5 50 53 56 59', star: false },
      { values: '22 23', star: false },
      { values: '1 2 3', star: false },
      { values: '2 11', star: false },
      { values: '0 1 2', star: false },
    ])
  })

  test('are all for a star; a star with a step above 1 is a choice of days', () => {
    const [minute, hour, dayOfMonth, month, dayOfWeek] = fields('*/15 */6 */1 ? */2')
    expect([minute, hour]).toEqual([
      { values: '0 15 30 45', star: false },
      { values: '0 6 12 18', star: false },
    ])
    expect(dayOfMonth).toMatchObject({ star: true, values: expect.stringMatching(/^1 2 .* 31$/) })
    expect(month).toMatchObject({ star: true, values: expect.stringMatching(/^1 2 .* 12$/) })
    expect(dayOfWeek).toEqual({ values: '0 2 4 6', star: false })
  })

  test.each([
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    ['@monthly', '0 0 1 * *'],
    ['@weekly', '0 0 * * 0'],
    ['@daily', '0 0 * * *'],
    ['@midnight', '0 0 * * *'],
    ['@hourly', '0 * * * *'],
  ])('of %s are those of %s', (descriptor, expression) => {
    expect(parseCron(descriptor)).toEqual({ ...parseCron(expression), expression: descriptor })
  })
})

test.each([
  ['@every 90s', 90],
  ['@every 1h30m', 5400],
  ['@every 1.5h', 5400],
  ['@every 1m59.9s', 119],
  ['@every 1500ms', 1],
  ['@every 2000000us', 2],
  ['@every 3000000000ns', 3],
  ['@every 0', 1],
  ['@every -5m', 1],
  ['@every +5m', 300],
])('%s is every %i seconds', (expression, seconds) => {
  expect(parseCron(expression)).toEqual({ kind: 'interval', expression, seconds })
})
