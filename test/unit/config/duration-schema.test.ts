import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { durationSchema, secondsSchema } from '../../../job-image/config/duration-schema.ts'
import { expectedDuration } from '../../../job-image/config/duration.ts'

const LIMITS = { min: 60, max: 40_000_000 }

describe('a setting that is a duration', () => {
  it('is a number or a text, with months of the calendar or in seconds', () => {
    expect(durationSchema(LIMITS).parse('1mo')).toEqual({ months: 1, seconds: 0 })
    expect(durationSchema(LIMITS).parse(60)).toEqual({ months: 0, seconds: 60 })
    expect(secondsSchema(LIMITS).parse('1h')).toBe(3_600)
  })

  it.each([59, 40_000_001, '59', '59s', 'soon', '', true, null, ['1h']])('is not %j', (value) => {
    for (const schema of [durationSchema(LIMITS), secondsSchema(LIMITS)]) {
      const { error } = schema.safeParse(value)
      expect(error?.issues.map(({ message }) => message)).toEqual([expectedDuration(LIMITS)])
    }
  })

  it('in seconds is no month', () => {
    expect(secondsSchema(LIMITS).safeParse('1mo').success).toBe(false)
  })

  it('is offered to editors as a number within its limits, or a text of its form', () => {
    const { anyOf } = z.toJSONSchema(secondsSchema(LIMITS), { io: 'input' })
    expect(anyOf).toMatchObject([
      { type: 'number', minimum: 60, maximum: 40_000_000 },
      { type: 'string', pattern: expect.any(String) as string },
    ])
    const [, text] = anyOf as [unknown, { readonly pattern: string }]
    const pattern = new RegExp(text.pattern)
    expect(['90', '1.5', '1h30m', 'P1DT12H', '1y'].filter((text) => !pattern.test(text))).toEqual([])
    expect(['soon', '-1', '1 h', '5x'].filter((text) => pattern.test(text))).toEqual([])
  })
})
