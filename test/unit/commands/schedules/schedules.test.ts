import { describe, expect, test } from 'vitest'
import type { Preview } from '../../../../job-image/schedules/preview.ts'
import { runArgv } from '../../../support/run-command.ts'

const preview = (...argv: readonly string[]) => runArgv(['schedules', 'preview', ...argv], { cwd: '.' })

async function previewJson(...argv: readonly string[]): Promise<Partial<Preview>> {
  const { code, out, err } = await preview(...argv, '--json')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out) as Partial<Preview>
}

describe('rapidrmf schedules preview', () => {
  test('New York has no 02:00 on 2027-03-14: no run that day, which is said', async () => {
    const { code, out } = await preview(
      '0 2 * * *',
      '--timezone',
      'America/New_York',
      '--from',
      '2027-03-13T00:00:00Z',
      '--count',
      '3',
    )
    expect(code).toBe(0)
    expect(out).toBe(
      [
        '┌──────────────────────┬───────────────────────────┬─────┐',
        '│ UTC                  │ America/New_York          │ Day │',
        '├──────────────────────┼───────────────────────────┼─────┤',
        '│ 2027-03-13T07:00:00Z │ 2027-03-13T02:00:00-05:00 │ Sat │',
        '│ 2027-03-15T06:00:00Z │ 2027-03-15T02:00:00-04:00 │ Mon │',
        '│ 2027-03-16T06:00:00Z │ 2027-03-16T02:00:00-04:00 │ Tue │',
        '└──────────────────────┴───────────────────────────┴─────┘',
        'note: no run at 02:00 on 2027-03-14, when the clocks change',
        '',
      ].join('\n'),
    )
  })

  test('Berlin has 02:30 twice on 2026-10-25: two runs, which is said', async () => {
    expect(
      await previewJson(
        '30 2 * * *',
        '--timezone',
        'Europe/Berlin',
        '--from',
        '2026-10-24T12:00:00Z',
        '--count',
        '3',
      ),
    ).toEqual({
      runs: [
        { utc: '2026-10-25T00:30:00Z', local: '2026-10-25T02:30:00+02:00' },
        { utc: '2026-10-25T01:30:00Z', local: '2026-10-25T02:30:00+01:00' },
        { utc: '2026-10-26T01:30:00Z', local: '2026-10-26T02:30:00+01:00' },
      ],
      notes: [
        'two runs at 02:30 on 2026-10-25, when the clocks change',
        'no run at 02:30 on 2027-03-28, when the clocks change',
      ],
    })
  })

  test('five runs after now, in UTC, without notes when there is nothing to say', async () => {
    const answer = await previewJson('0 2 * * *')
    expect(Object.keys(answer)).toEqual(['runs'])
    expect(answer.runs).toHaveLength(5)
    const first = answer.runs?.[0]
    expect(first?.local).toBe(first?.utc.replace('Z', '+00:00'))
    expect(Date.parse(first?.utc ?? '') - Date.now()).toBeGreaterThan(0)
    expect(Date.parse(first?.utc ?? '') - Date.now()).toBeLessThanOrEqual(86_400_000)
  })

  test.each([
    ['2026-11-24T02:00:00Z', '2026-11-25T02:00:00Z'],
    ['2026-11-24T02:59:59+01:00', '2026-11-24T02:00:00Z'],
    ['2026-11-24 01:59', '2026-11-24T02:00:00Z'],
    ['2026-11-24', '2026-11-24T02:00:00Z'],
  ])('--from %s: the first run after it is %s', async (from, utc) => {
    const { runs } = await previewJson('0 2 * * *', '--from', from, '--count', '1')
    expect(runs?.map((run) => run.utc)).toEqual([utc])
  })

  test('a schedule that never fires has no runs, and says so', async () => {
    const never = '"0 0 30 2 *" never fires: no date of the next five years fits its day and month'
    expect(await previewJson('0 0 30 2 *')).toEqual({ runs: [], notes: [never] })
    expect(await preview('0 0 30 2 *')).toEqual({ code: 0, out: `note: ${never}\n`, err: '' })
  })

  test('runs that end before the count', async () => {
    const { runs, notes } = await previewJson('0 0 29 2 *', '--from', '2095-01-01')
    expect(runs?.map((run) => run.utc)).toEqual(['2096-02-29T00:00:00Z'])
    expect(notes).toEqual(['the runs end here: no other comes within five years'])
  })

  test.each([
    ['0 2 * * 7', 'a ValidationSchedule refuses 7 as a day of the week; write 0 for Sunday'],
    ['@weekly', 'a ValidationSchedule refuses "@weekly"; it takes five fields'],
    ['@every 90m', 'a ValidationSchedule refuses "@every 90m"; it takes five fields'],
  ])('%s is read here, and what Kubernetes does is said', async (cron, note) => {
    const { runs, notes } = await previewJson(cron, '--from', '2026-11-24')
    expect(runs).toHaveLength(5)
    expect(notes).toEqual([note])
  })

  test('an offset with seconds', async () => {
    const { runs } = await previewJson(
      '0 2 * * *',
      '--timezone',
      'Africa/Monrovia',
      '--from',
      '1970-01-01',
      '--count',
      '1',
    )
    expect(runs).toEqual([{ utc: '1970-01-01T02:44:30Z', local: '1970-01-01T02:00:00-00:44:30' }])
  })

  test.each([
    [['0 25 * * *'], 'rapidrmf: CRON: hour "25": 25 is above the maximum of 23\n'],
    [['* * * *'], '"* * * *" has 4 fields, expected exactly 5'],
    [['TZ=Europe/Berlin 0 2 * * *'], 'a time zone cannot be part of the schedule; set it separately'],
    [['0 2 * * *', '--timezone', 'Mars/Base'], 'rapidrmf: --timezone: unknown time zone "Mars/Base"'],
    [['0 2 * * *', '--from', 'soon'], 'rapidrmf: --from: expected a time such as 2027-03-12T00:00:00Z'],
    [['0 2 * * *', '--from', '1969-12-31'], 'found "1969-12-31"'],
    [['0 2 * * *', '--from', 'infinity'], 'found "infinity"'],
    [['0 2 * * *', '--count', '0'], 'expected a whole number from 1 to 1000, found "0"'],
    [[], 'No value provided for CRON'],
  ])('%j is refused', async (argv, message) => {
    const { code, out, err } = await preview(...argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(message)
  })
})
