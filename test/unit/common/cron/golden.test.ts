import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CronError, isTimeZone, nextRun, parseCron } from '../../../../common/cron/cron.ts'

/** Made by test/oracle/cron/regenerate.sh from robfig/cron v3.0.1 in Go. */
const golden = (name: string) => JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8'))

type Table = { zone: string; expressions: string[]; starts: number[]; delays: number[][] }
const { tables } = golden('next.json') as { tables: Table[] }
const { expressions } = golden('expressions.json') as {
  expressions: { expression: string; refused?: string }[]
}
const { zones } = golden('zones.json') as { zones: string[] }

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

describe('expressions', () => {
  test('accepted and refused as by the API server', () => {
    const disagreed = expressions.filter(({ expression, refused }) => {
      return (refusal(expression) === undefined) !== (refused === undefined)
    })
    expect(disagreed).toEqual([])
  })

  function refusal(expression: string): string | undefined {
    try {
      parseCron(expression)
      return undefined
    } catch (thrown) {
      if (thrown instanceof CronError) return thrown.message
      throw thrown
    }
  }
})

describe('zones', () => {
  test('all that Go knows are known here, except Factory', () => {
    expect(zones.filter((zone) => !isTimeZone(zone))).toEqual(['Factory'])
  })

  test('a spelling that Go refuses is refused, though Intl would take it', () => {
    const spellings = zones.flatMap((zone) => [zone.toLowerCase(), zone.toUpperCase()])
    expect(spellings.filter((zone) => !zones.includes(zone) && isTimeZone(zone))).toEqual([])
  })
})
