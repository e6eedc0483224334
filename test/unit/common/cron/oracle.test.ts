import fc from 'fast-check'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { CronError, nextRun, parseCron } from '../../../../common/cron/cron.ts'
import { zoneClock } from '../../../../common/cron/time-zone.ts'
import { anyExpression, anyStart, anyText, anyZone } from './arbitraries.ts'

type Case = readonly [zone: string, expression: string, start: number]

const directory = mkdtempSync(join(tmpdir(), 'cron-oracle-'))
const oracle = buildOracle()
afterAll(() => rmSync(directory, { recursive: true }))

describe.skipIf('missing' in oracle)(
  `the Go oracle${'missing' in oracle ? ` (skipped: ${oracle.missing})` : ''}`,
  () => {
    test('random expressions at random starts', () => {
      expectAgreement(fc.sample(fc.tuple(anyZone, anyExpression, anyStart), { seed: 1, numRuns: 10_000 }))
    })

    test('random expressions within two days of a change of the clocks', () => {
      const nearChange = fc.tuple(anyZone, fc.nat(), fc.integer({ min: -2 * 86_400, max: 2 * 86_400 }))
      const cases = fc.sample(fc.tuple(nearChange, anyExpression), { seed: 2, numRuns: 10_000 })
      expectAgreement(
        cases.map(([[zone, index, distance], expression]) => {
          const changes = zoneClock(zone).transitionsBetween(
            Date.UTC(2010, 0) / 1000,
            Date.UTC(2020, 0) / 1000,
          )
          const change = changes[index % Math.max(1, changes.length)]?.at ?? 1_500_000_000
          return [zone, expression, change + distance] as const
        }),
      )
    })

    test('random text: accepted and refused alike', () => {
      expectAgreement(
        fc.sample(anyText, { seed: 3, numRuns: 10_000 }).map((text) => ['Etc/UTC', text, 1_500_000_000]),
      )
    })
  },
)

function buildOracle(): { binary: string } | { missing: string } {
  const binary = join(directory, 'oracle')
  try {
    execFileSync('go', ['build', '-o', binary, '.'], {
      cwd: new URL('../../../oracle/cron', import.meta.url),
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 60_000,
    })
    return { binary }
  } catch (thrown) {
    const noGo = (thrown as NodeJS.ErrnoException).code === 'ENOENT'
    return {
      missing: noGo
        ? 'there is no go on the PATH'
        : 'go cannot build it, is robfig/cron in its module cache?',
    }
  }
}

function expectAgreement(cases: readonly Case[]): void {
  if ('missing' in oracle) throw new Error(oracle.missing)
  const input = cases.map((columns) => `${columns.join('\t')}\n`).join('')
  // The oracle has no answer where robfig never returns: better a failure than a test that hangs.
  const output = execFileSync(oracle.binary, ['next'], {
    input,
    encoding: 'utf8',
    timeout: 25_000,
    maxBuffer: 1e8,
  })
  const answers = output.trimEnd().split('\n')
  const wrong = cases.flatMap((columns, index) => {
    const theirs = answers[index]?.replace(/^refused .*/, 'refused')
    const ours = answer(columns)
    return ours === theirs ? [] : [`${columns.join(' | ')}: ${ours}, Go says ${answers[index]}`]
  })
  expect(answers).toHaveLength(cases.length)
  expect(wrong).toEqual([])
}

function answer([zone, expression, start]: Case): string {
  try {
    const next = nextRun(parseCron(expression), zone, new Date(start * 1000))
    return next === undefined ? 'never' : String(next.getTime() / 1000)
  } catch (thrown) {
    if (thrown instanceof CronError) return 'refused'
    throw thrown
  }
}
