import { describe, expect, test } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { previewSchedule } from '../../../job-image/schedules/preview.ts'
import type { PreviewRequest } from '../../../job-image/schedules/preview.ts'

const preview = (changes: Partial<PreviewRequest>) =>
  previewSchedule({
    cron: '0 2 * * *',
    timeZone: 'Etc/UTC',
    from: new Date('2026-11-23T02:00:00Z'),
    count: 2,
    ...changes,
  })

describe('the runs of a preview', () => {
  test('come after the given time, with the local time and its offset', () => {
    expect(preview({ timeZone: 'America/New_York' })).toMatchObject({
      runs: [
        { utc: '2026-11-23T07:00:00Z', local: '2026-11-23T02:00:00-05:00' },
        { utc: '2026-11-24T07:00:00Z', local: '2026-11-24T02:00:00-05:00' },
      ],
    })
    expect(preview({}).runs).toEqual([
      { utc: '2026-11-24T02:00:00Z', local: '2026-11-24T02:00:00+00:00' },
      { utc: '2026-11-25T02:00:00Z', local: '2026-11-25T02:00:00+00:00' },
    ])
  })

  test('have offsets of minutes, and of seconds where a zone had them', () => {
    expect(preview({ timeZone: 'Asia/Kathmandu', count: 1 }).runs[0]?.local).toBe('2026-11-24T02:00:00+05:45')
    const from = new Date('1971-11-23T00:00:00Z')
    expect(preview({ timeZone: 'Africa/Monrovia', from, count: 1 }).runs[0]?.local).toMatch(/-00:44:30$/)
  })
})

describe('the notes of a preview', () => {
  test('are none for a plain schedule in UTC', () => {
    expect(preview({}).notes).toEqual([])
  })

  test.each([
    ['0 2 * * 7', 'a ValidationSchedule refuses 7 as a day of the week; write 0 for Sunday'],
    ['@daily', 'a ValidationSchedule refuses "@daily"; it takes five fields'],
    ['@every 1h', 'a ValidationSchedule refuses "@every 1h"; it takes five fields'],
    ['0 2 30 2 *', '"0 2 30 2 *" never fires: no date of the next five years fits its day and month'],
  ])('name what %s cannot do', (cron, note) => {
    expect(preview({ cron }).notes).toContain(note)
  })

  test('say that a list ends before its count', () => {
    const { runs, notes } = preview({ cron: '0 2 29 2 *', from: new Date('2091-01-01T00:00:00Z'), count: 9 })
    // 2100 has no 29 February.
    expect(runs.map(({ utc }) => utc.slice(0, 10))).toEqual(['2092-02-29', '2096-02-29'])
    expect(notes).toContain('the runs end here: no other comes within five years')
  })

  test('name clock changes of the coming year, even if the list ends before them', () => {
    const { notes } = preview({ timeZone: 'Europe/Berlin', count: 1 })
    expect(notes.join()).toContain('2027-03-28')
    expect(preview({ timeZone: 'Europe/Berlin', cron: '0 12 * * *', count: 1 }).notes).toEqual([])
  })
})

test.each([
  [{ cron: '0 25 * * *' }, /^CRON: /],
  [{ timeZone: 'Mars/Base' }, /^--timezone: /],
])('%j is refused with the name of the argument', (changes, message) => {
  expect(() => preview(changes)).toThrow(InputError)
  expect(() => preview(changes)).toThrow(message)
})
