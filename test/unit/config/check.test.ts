import { expect, it } from 'vitest'
import { checkConfig } from '../../../job-image/config/check.ts'
import { parseConfig } from '../../../job-image/config/config.ts'
import { formatProblem } from '../../../job-image/errors.ts'
import { createFolder } from '../../support/run-command.ts'

const folder = createFolder()
folder.write('pack.yaml', 'not: a pack\n')
folder.write('catalog.json', '{}')

const check = (
  text: string,
  options: { env?: string; databaseUrl?: string } = {},
  env: Record<string, string> = {},
) => {
  const config = parseConfig(text, `${folder.path}/config.yaml`, env)
  const { problems, notes } = checkConfig(config, options, { env })
  return { notes, problems: problems.map((each) => formatProblem(each).replaceAll(`${folder.path}/`, '')) }
}
const TWO = `environments:
  production: { database_url: "\${URL}" }
  staging: {}
`

it('a configuration in order has no problem', () => {
  expect(check('environments: { e: { database_url: "postgresql://h/d" } }')).toEqual({
    problems: [],
    notes: [],
  })
})

it('the URL of each environment is read; a missing one may be given in another way', () => {
  expect(check(TWO)).toEqual({
    problems: [
      expect.stringMatching(/^config\.yaml:2:.*database_url: the environment variable URL is not set/),
    ],
    notes: ['environments.staging has no database_url: set DATABASE_URL for its commands'],
  })
  expect(check(TWO, {}, { URL: 'mysql://h' }).problems).toEqual([
    expect.stringContaining('not a PostgreSQL URL'),
  ])
})

it('with --env only that environment is read', () => {
  expect(check(TWO, { env: 'staging' })).toMatchObject({ problems: [], notes: [expect.any(String)] })
  expect(check(TWO, { env: 'production' })).toMatchObject({ problems: [expect.any(String)], notes: [] })
  expect(() => check(TWO, { env: 'other' })).toThrow('there is no environment "other"')
})

it('with an overriding URL none of the file is read', () => {
  expect(check(TWO, { databaseUrl: 'postgresql://h/d' })).toEqual({ problems: [], notes: [] })
  expect(check(TWO, {}, { DATABASE_URL: 'postgresql://h/d' })).toEqual({ problems: [], notes: [] })
  expect(check(TWO, { databaseUrl: 'mysql://h' }).problems[0]).toMatch(
    /^--database-url: not a PostgreSQL URL/,
  )
})

it('files must exist and be files', () => {
  const base = 'environments: { e: { database_url: "postgresql://h/d" } }\n'
  expect(check(`${base}catalogs: { nist_800_53_rev5: { path: catalog.json } }`).problems).toEqual([])
  expect(check(`${base}catalogs: { nist_800_53_rev5: { path: none.json } }`).problems).toEqual([
    expect.stringMatching(/^config\.yaml:2:.*: there is no such file$/),
  ])
  expect(check(`${base}rule_packs: [ ".", "\${PACK}" ]`).problems).toEqual([
    expect.stringMatching(/^config\.yaml:2:.*rule_packs\.0: is not a file$/),
    expect.stringMatching(/^config\.yaml:2:.*rule_packs\.1: the environment variable PACK is not set/),
  ])
})

it('rule packs are read', () => {
  const base = 'environments: { e: { database_url: "postgresql://h/d" } }\n'
  expect(check(`${base}rule_packs: [ pack.yaml ]`).problems.join()).toMatch(/^pack\.yaml:1/)
})

it('the sinks of the environments in question are resolved', () => {
  const sink = (environment: string) =>
    `${TWO}notifications: [ { name: a, type: slack, on: [errored], environments: [${environment}], url: "\${SLACK}" } ]`
  const url = { URL: 'postgresql://h/d' }
  expect(check(sink('staging'), {}, url).problems).toEqual([
    expect.stringContaining('variable SLACK is not set'),
  ])
  expect(check(sink('staging'), { env: 'production' }, url).problems).toEqual([])
})
