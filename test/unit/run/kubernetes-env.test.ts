import { expect, it } from 'vitest'
import { isInJob, requireSources, slotOfJob } from '../../../job-image/run/kubernetes-env.ts'

const SLOT = Date.parse('2026-11-24T02:00:00Z')
const name = `nightly-3f9a1c2b-${SLOT / 60_000}`
const slot = (env: Record<string, string>, seconds = 0) =>
  slotOfJob({ env: { STARTING_DEADLINE_SECONDS: '300', ...env } }, new Date(SLOT + seconds * 1000))

it.each([
  ['at its slot', name, 0, '2026-11-24T02:00:00.000Z'],
  ['at its deadline', name, 300, '2026-11-24T02:00:00.000Z'],
  ['after its deadline', name, 301, undefined],
  ['before its slot', name, -1, undefined],
  ['on request', 'nightly-m0123456789', 0, undefined],
  ['with a name of its own', 'my-run-1', 0, undefined],
  ['with a name of digits', '29000000', 0, undefined],
  ['outside of Kubernetes', '', 0, undefined],
])('a Job that starts %s', (_when, job, seconds, expected) => {
  expect(slot({ JOB_NAME: job }, seconds)).toBe(expected)
})

it('knows no slot without the deadline', () => {
  expect(slotOfJob({ env: { JOB_NAME: name } }, new Date(SLOT))).toBeUndefined()
})

it('knows a Job by its name', () => {
  expect(isInJob({ env: { JOB_NAME: name } })).toBe(true)
  expect(isInJob({ env: { JOB_NAME: '' } })).toBe(false)
})

it('names the ConfigMap or the Secret that is missing', () => {
  const cwd = import.meta.dirname
  const check = (config: string, env: Record<string, string>) => () =>
    requireSources({ config }, { cwd, env })
  const CONFIG_SOURCE = 'ConfigMap "conf", key "c.yaml"'
  const DATABASE_URL_SOURCE = 'Secret "db", key "url"'
  expect(check('none.yaml', {})).not.toThrow()
  expect(check('kubernetes-env.test.ts', { CONFIG_SOURCE })).not.toThrow()
  expect(check('none.yaml', { CONFIG_SOURCE })).toThrow(
    'the configuration is not there: no ConfigMap "conf", key "c.yaml"; create it, or correct spec.config',
  )
  expect(check('x', { DATABASE_URL_SOURCE })).toThrow(
    /URL is not there: no Secret "db", key "url"; .* spec.database/,
  )
  expect(check('x', { DATABASE_URL_SOURCE, DATABASE_URL: 'postgres://x' })).not.toThrow()
})
