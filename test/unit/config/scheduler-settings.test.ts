import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../job-image/config/config.ts'
import { pauseAfter } from '../../../job-image/config/scheduler-settings.ts'

const settings = (text: string) =>
  parseConfig(`environments: { e: }\nscheduler: ${text}\n`, 'config.yaml', {}).scheduler

describe('scheduler of the configuration', () => {
  it('tries nothing again unless it is told to', () => {
    const none = { retries: 0, retry_delay: 60, retry_backoff: 2 }
    expect(parseConfig('environments: { e: }', 'config.yaml', {}).scheduler).toEqual(none)
    expect(settings('')).toEqual(none)
    expect(pauseAfter(none, 1)).toBeUndefined()
  })

  it.each([
    ['90', 90],
    ['"90"', 90],
    ['90s', 90],
    ['1.5m', 90],
    ['5m', 300],
    ['1h', 3600],
    ['24h', 86_400],
    ['1h30m', 5400],
    ['PT90S', 90],
    ['P1D', 86_400],
  ])('reads the delay %s as %i seconds', (text, seconds) => {
    expect(settings(`{ retry_delay: ${text} }`).retry_delay).toBe(seconds)
  })

  it.each([
    ['{ retry_delay: 0 }', /2:14: .*90s, 5m, 1h or 7d/],
    ['{ retry_delay: 25h }', /from 1 to 86400/],
    ['{ retry_delay: 1mo }', /from 1 to 86400/],
    ['{ retry_delay: 0mo1y }', /from 1 to 86400/],
    ['{ retry_delay: 1e3s }', /90s, 5m, 1h or 7d/],
    ['{ retry_delay: -5 }', /90s, 5m, 1h or 7d/],
    ['{ retry_delay: [5] }', /90s, 5m, 1h or 7d/],
    ['{ retries: 1.5 }', /whole number/],
    ['{ retries: 101 }', /at most 100/],
    ['{ retries: many }', /whole number/],
    ['{ retry_backoff: 0.5 }', /1 or more/],
    ['{ retry: 1 }', /retries/],
    ['3', /a map with retries/],
  ])('refuses %s', (text, message) => {
    expect(() => settings(text)).toThrow(message)
  })

  it('waits longer each time, but never longer than a day', () => {
    const some = { retries: 20, retry_delay: 60, retry_backoff: 2 }
    expect([1, 2, 3, 20].map((failures) => pauseAfter(some, failures))).toEqual([60, 120, 240, 86_400])
    expect(pauseAfter(some, 21)).toBeUndefined()
    expect(pauseAfter({ ...some, retry_backoff: 1 }, 20)).toBe(60)
  })
})
