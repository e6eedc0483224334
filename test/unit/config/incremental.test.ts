import { describe, expect, it } from 'vitest'
import { incrementalFor } from '../../../job-image/config/incremental.ts'
import type { IncrementalOptions } from '../../../job-image/config/incremental.ts'

const days = (count: number) => ({ months: 0, seconds: count * 86_400 })
const settings = (
  flags: IncrementalOptions = {},
  env: Record<string, string> = {},
  config: Parameters<typeof incrementalFor>[0] = { incremental: undefined, fullEvery: undefined },
) => incrementalFor(config, flags, { env })
const OFF = { incremental: false, fullEvery: days(3) }

describe('a run', () => {
  it('is a full one unless it is asked for otherwise', () => {
    expect(settings()).toBeUndefined()
    expect(
      settings({ fullEvery: '1d' }, { FULL_EVERY: '2d' }, { ...OFF, incremental: undefined }),
    ).toBeUndefined()
  })

  it('is incremental by flag, variable or configuration, in this order', () => {
    const on = { incremental: true, fullEvery: undefined }
    expect(settings({}, {}, on)).toEqual({ fullEvery: days(7) })
    expect(settings({}, { INCREMENTAL: 'false' }, on)).toBeUndefined()
    expect(settings({}, { INCREMENTAL: 'true' }, OFF)).toEqual({ fullEvery: days(3) })
    expect(settings({ incremental: false }, { INCREMENTAL: 'true' })).toBeUndefined()
    expect(settings({ incremental: true }, { INCREMENTAL: 'false' }, OFF)).toBeDefined()
    expect(settings({}, { INCREMENTAL: '' }, on)).toBeDefined()
  })

  it('has the interval of the flag, the variable or the configuration, in this order', () => {
    const config = { incremental: true, fullEvery: days(3) }
    expect(settings({ fullEvery: '1d' }, { FULL_EVERY: '2d' }, config)).toEqual({ fullEvery: days(1) })
    expect(settings({}, { FULL_EVERY: '2d' }, config)).toEqual({ fullEvery: days(2) })
    expect(settings({}, { FULL_EVERY: '' }, config)).toEqual({ fullEvery: days(3) })
  })
})

describe('the interval of full runs', () => {
  it.each(['1h', '3600', '366d', '1y', '12mo'])('may be %s', (fullEvery) => {
    expect(settings({ incremental: true, fullEvery })).toBeDefined()
  })

  it.each(['59m', '3599', '367d', '13mo', 'soon'])('may not be %s', (fullEvery) => {
    const expected = 'from 3600 to 31622400 seconds'
    expect(() => settings({ fullEvery })).toThrow(
      new RegExp(`^--full-every: .*${expected}, found "${fullEvery}"$`),
    )
    expect(() => settings({}, { FULL_EVERY: fullEvery })).toThrow(/^FULL_EVERY: /)
  })

  it.each(['yes', 'TRUE', '1'])('INCREMENTAL may not be %s', (text) => {
    expect(() => settings({}, { INCREMENTAL: text })).toThrow(
      `INCREMENTAL: expected true or false, found "${text}"`,
    )
  })
})
