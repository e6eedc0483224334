import { describe, expect, test } from 'vitest'
import { nextRun, parseCron } from '../../../../common/cron/cron.ts'
import { golden } from './golden.ts'

type Table = { zone: string; expressions: string[]; starts: number[]; delays: number[][] }
const { tables } = golden('next.json') as { tables: Table[] }

describe('next slots around every change of the clocks', () => {
  test('the table holds at least 10,000 triples in ten zones', () => {
    const triples = tables.reduce((sum, { delays }) => sum + delays.flat().length, 0)
    expect(triples).toBeGreaterThan(10_000)
    expect(new Set(tables.map(({ zone }) => zone)).size).toBeGreaterThanOrEqual(10)
  })

  test.each(tables.map((table) => [table.zone, table.starts.length, table] as const))(
    '%s, %d starts: as in Go',
    (zone, _, { expressions, starts, delays }) => {
      const schedules = expressions.map((expression) => parseCron(expression))
      const wrong: string[] = []
      for (const [row, start] of starts.entries()) {
        for (const [column, schedule] of schedules.entries()) {
          const next = nextRun(schedule, zone, new Date(start * 1000))
          const delay = next === undefined ? -1 : next.getTime() / 1000 - start
          const wanted = delays[row]?.[column]
          if (delay !== wanted)
            wrong.push(`${schedule.expression} after ${start}: ${delay}, Go says ${wanted}`)
        }
      }
      expect(wrong).toEqual([])
    },
  )
})
