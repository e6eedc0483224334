import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import {
  DEFAULT_BATCH_SIZE,
  DEFAULT_CONCURRENCY,
  DEFAULT_TIMING,
  MAX_CONCURRENCY,
} from '../../../job-image/run/options.ts'

it('an attempt outlives an outage of 30 s that begins just before a heartbeat', () => {
  const { heartbeat, abandonAfter, outage } = DEFAULT_TIMING
  expect(outage).toBeGreaterThanOrEqual(30_000)
  expect(abandonAfter).toBeGreaterThan(outage + heartbeat)
})

it('the defaults are those of the documentation', () => {
  const rows = readFileSync('docs/configuration.md', 'utf8').split('\n')
  const documented = (name: string): string | undefined =>
    rows
      .find((row) => row.startsWith(`| \`${name}\``))
      ?.split('|')
      .at(-2)
      ?.trim()
  const { heartbeat, abandonAfter, outage, poll } = DEFAULT_TIMING
  expect(documented('RAPIDRMF_HEARTBEAT')).toBe(`${heartbeat / 1000}s`)
  expect(documented('RAPIDRMF_ABANDON_AFTER')).toBe(`${abandonAfter / 1000}s`)
  expect(documented('RAPIDRMF_OUTAGE')).toBe(`${outage / 1000}s`)
  expect(documented('RAPIDRMF_CONCURRENCY')).toBe(String(DEFAULT_CONCURRENCY))
  expect([DEFAULT_BATCH_SIZE, MAX_CONCURRENCY, poll]).toEqual([{ all: 10, none: 100 }, 64, 500])
})
