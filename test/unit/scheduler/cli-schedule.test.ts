import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../job-image/config/config.ts'
import { cliSchedule } from '../../../job-image/scheduler/cli-schedule.ts'
import type { CliScheduleOptions } from '../../../job-image/scheduler/cli-schedule.ts'

const config = parseConfig('environments: { production: {} }\n', 'config.yaml', {})
const environment = config.environments.get('production')!
const NIGHTLY = {
  config: 'config.yaml',
  env: 'production',
  databaseUrl: undefined,
  cron: '0 2 * * *',
  timezone: 'Etc/UTC',
}

const identity = (changes: Partial<CliScheduleOptions> = {}, env = {}) =>
  cliSchedule(
    { ...NIGHTLY, ...changes },
    { config, environment, url: 'postgresql://h/d', source: 'flag' },
    { env },
  )

describe('without a name, a schedule is identified', () => {
  test('by environment, cron expression and time zone', () => {
    expect(identity()).toEqual({ uid: 'cli:production|0 2 * * *|Etc/UTC', name: 'production 0 2 * * *' })
    expect(identity({ timezone: 'Europe/Berlin' }).uid).toBe('cli:production|0 2 * * *|Europe/Berlin')
  })

  test('whatever the spaces of its cron expression', () => {
    expect(identity({ cron: ' 0  2 * *\t* ' }).uid).toBe(identity().uid)
  })

  test('by its selection, in whatever spelling', () => {
    const { uid } = identity({ selection: { controls: { include: ['AC-2'] } } })
    expect(uid).toMatch(/^cli:production\|0 2 \* \* \*\|Etc\/UTC\|scope=[0-9a-f]+$/)
    expect(identity({ selection: { controls: { include: ['ac-2'] } } }).uid).toBe(uid)
    expect(identity({ selection: { controls: { include: ['AC-3'] } } }).uid).not.toBe(uid)
  })
})

describe('a name', () => {
  test('identifies the schedule within its environment, whatever else it has', () => {
    const named = { uid: 'cli:production|schedule=lax', name: 'lax' }
    expect(identity({ schedule: 'lax' })).toEqual(named)
    expect(
      identity({ schedule: 'lax', cron: '0 3 * * *', selection: { systems: { include: ['a'] } } }),
    ).toEqual(named)
  })

  test('may have 100 characters', () => {
    expect(identity({ schedule: '😀'.repeat(100) }).name).toBe('😀'.repeat(100))
  })

  test.each([
    ['', '--schedule: expected a name of 1 to 100 characters, found 0'],
    ['  ', '--schedule: expected a name of 1 to 100 characters, found 2'],
    ['x'.repeat(101), '--schedule: expected a name of 1 to 100 characters, found 101'],
    ['a\nb', '--schedule: a name must not contain control characters'],
    ['a\uD800', '--schedule: a name must not contain control characters'],
  ])('%j is refused', (schedule, message) => {
    expect(() => identity({ schedule })).toThrow(message)
  })
})
