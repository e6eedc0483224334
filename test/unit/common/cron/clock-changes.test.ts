import { describe, expect, test } from 'vitest'
import { clockChanges, describeClockChange } from '../../../../common/cron/clock-changes.ts'
import { parseCron } from '../../../../common/cron/cron.ts'

const changes = (expression: string, zone: string, year: number) =>
  clockChanges(parseCron(expression), zone, new Date(Date.UTC(year, 0)), new Date(Date.UTC(year + 1, 0)))

describe('what the change of the clocks does to a schedule', () => {
  test('a gap: New York has no 02:00 on 2027-03-14; its overlap is an hour earlier', () => {
    expect(changes('0 2 * * *', 'America/New_York', 2027)).toEqual([
      { kind: 'gap', date: '2027-03-14', times: ['02:00'] },
    ])
  })

  test('both: Berlin skips 02:30 in March and has it twice in October', () => {
    expect(changes('30 2 * * *', 'Europe/Berlin', 2026)).toEqual([
      { kind: 'gap', date: '2026-03-29', times: ['02:30'] },
      { kind: 'overlap', date: '2026-10-25', times: ['02:30'] },
    ])
  })

  test.each(['0 5 * * *', '30 2 * * 1-5', '0 * * * *', '*/5 * * * *', '@every 1h'])(
    '%s in Berlin is safe',
    (expression) => {
      expect(changes(expression, 'Europe/Berlin', 2026)).toEqual([])
    },
  )

  test('half an hour: on Lord Howe a run hours after either change is lost', () => {
    expect(changes('0 5 * * *', 'Australia/Lord_Howe', 2026)).toEqual([
      { kind: 'gap', date: '2026-04-05', times: ['05:00'] },
      { kind: 'gap', date: '2026-10-04', times: ['05:00'] },
    ])
  })

  test('no midnight: Beirut loses a weekly run of that whole day', () => {
    expect(changes('0 5 * * 0', 'Asia/Beirut', 2019)).toEqual([
      { kind: 'gap', date: '2019-03-31', times: ['05:00'] },
    ])
  })

  test('no midnight: Santiago runs a Saturday schedule on Sunday, too', () => {
    expect(changes('0 1 * * 6', 'America/Santiago', 2019)).toEqual([
      { kind: 'extra', date: '2019-09-08', times: ['01:00'] },
    ])
  })

  test('two midnights', () => {
    expect(changes('30 23 * * *', 'America/Sao_Paulo', 2018)).toEqual([
      { kind: 'overlap', date: '2018-02-17', times: ['23:30'] },
    ])
  })

  test('a skipped date', () => {
    expect(changes('0 2 * * *', 'Pacific/Apia', 2011).filter(({ date }) => date > '2011-12')).toEqual([
      { kind: 'gap', date: '2011-12-30', times: ['02:00'] },
    ])
  })

  test('in words', () => {
    expect(changes('*/20 2,3 * * *', 'Europe/Berlin', 2026).map(describeClockChange)).toEqual([
      'no run at 02:00 (and 2 more) on 2026-03-29, when the clocks change',
      'two runs at 02:00 (and 2 more) on 2026-10-25, when the clocks change',
    ])
  })
})
