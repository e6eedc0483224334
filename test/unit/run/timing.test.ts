import { describe, expect, it } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { timingFrom } from '../../../job-image/run/from-config.ts'

describe('timingFrom', () => {
  it('reads seconds, each with a default', () => {
    expect(timingFrom({})).toMatchObject({ heartbeat: 10_000, abandonAfter: 120_000, outage: 60_000 })
    const env = { RAPIDRMF_HEARTBEAT: '0.5', RAPIDRMF_ABANDON_AFTER: '86400', RAPIDRMF_OUTAGE: '0' }
    expect(timingFrom(env)).toMatchObject({ heartbeat: 500, abandonAfter: 86_400_000, outage: 0 })
  })

  it('reads durations with units', () => {
    const env = { RAPIDRMF_HEARTBEAT: '0.5s', RAPIDRMF_ABANDON_AFTER: '1d', RAPIDRMF_OUTAGE: 'PT5M' }
    expect(timingFrom(env)).toMatchObject({ heartbeat: 500, abandonAfter: 86_400_000, outage: 300_000 })
  })

  it.each([
    ['RAPIDRMF_OUTAGE', '1mo', 'from 0 to 86400'],
    ['RAPIDRMF_HEARTBEAT', '0', 'from 0.1 to 600'],
    ['RAPIDRMF_HEARTBEAT', '3000000', 'from 0.1 to 600'],
    ['RAPIDRMF_HEARTBEAT', '-1', 'from 0.1 to 600'],
    ['RAPIDRMF_HEARTBEAT', 'soon', 'from 0.1 to 600'],
    ['RAPIDRMF_ABANDON_AFTER', '0', 'from 0.2 to 86400'],
    ['RAPIDRMF_ABANDON_AFTER', '99999999999999', 'from 0.2 to 86400'],
    ['RAPIDRMF_OUTAGE', '1e3', 'from 0 to 86400'],
    ['RAPIDRMF_OUTAGE', '9'.repeat(400), 'from 0 to 86400'],
  ])('refuses %s=%s', (name, text, range) => {
    const read = (): unknown => timingFrom({ [name]: text })
    expect(read).toThrow(InputError)
    expect(read).toThrow(
      `${name}: expected a number of seconds or a text like 90s, 5m, 1h or 7d, ${range} seconds, found "${text}"`,
    )
  })

  it('refuses an abandon limit of less than two heartbeats', () => {
    expect(() => timingFrom({ RAPIDRMF_HEARTBEAT: '61' })).toThrow(/at least twice RAPIDRMF_HEARTBEAT/)
  })
})
