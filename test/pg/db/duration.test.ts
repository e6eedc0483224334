import { describe, expect, it } from 'vitest'
import { intervalText, parseDuration } from '../../../common/duration.ts'
import { createDatabase } from '../../support/database.ts'

const { client } = await createDatabase()

async function before(time: string, duration: string): Promise<string> {
  const { rows } = await client.query<{ time: string }>(
    `SELECT ($1::timestamp - $2::interval)::text AS time`,
    [time, intervalText(parseDuration(duration)!)],
  )
  return rows[0]!.time
}

describe('a duration before a time', () => {
  it.each([
    ['2026-03-31 12:00:00', '1mo', '2026-02-28 12:00:00'],
    ['2024-02-29 00:00:00', '1y', '2023-02-28 00:00:00'],
    ['2024-02-29 00:00:00', '366d', '2023-02-28 00:00:00'],
    ['2026-05-31 00:00:00', '18mo', '2024-11-30 00:00:00'],
    ['2026-05-31 00:00:00', 'P1Y6M', '2024-11-30 00:00:00'],
    // Months first, then the rest.
    ['2026-03-31 00:00:00', '1mo1d', '2026-02-27 00:00:00'],
    ['2026-03-29 12:00:00', '7d', '2026-03-22 12:00:00'],
    ['2026-01-01 00:00:00', '0.25s', '2025-12-31 23:59:59.75'],
    ['2026-01-01 00:00:00', '1000y', '1026-01-01 00:00:00'],
  ])('%s - %s = %s', async (time, duration, expected) => {
    expect(await before(time, duration)).toBe(expected)
  })
})
