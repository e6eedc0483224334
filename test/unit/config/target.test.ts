import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../job-image/config/config.ts'
import { allDatabases, resolveDatabase, resolveTarget } from '../../../job-image/config/target.ts'
import { parseDatabaseUrl } from '../../../job-image/db/session/url.ts'
import { createFolder } from '../../support/run-command.ts'

const folder = createFolder()
folder.write(
  'config.yaml',
  `environments:
  production: { database_url: "postgresql+asyncpg://u:\${PW}@db/prod?ssl=require" }
  staging:
    database_url: \${STAGING_URL}
  bare: {}
`,
)
const nothing = createFolder()

const options = { config: 'config.yaml', env: 'production', databaseUrl: undefined }
const io = (
  env: Record<string, string> = {},
  cwd = folder.path,
): { env: Record<string, string>; cwd: string } => ({ env, cwd })

describe('resolveTarget', () => {
  test('flag before DATABASE_URL before the file', () => {
    const env = { PW: 'secret', DATABASE_URL: 'postgresql://var/x' }
    const flag = resolveTarget({ ...options, databaseUrl: 'postgres://flag/x' }, io(env))
    expect(flag).toMatchObject({ url: 'postgresql://flag/x', source: '--database-url' })
    expect(resolveTarget(options, io(env))).toMatchObject({
      url: 'postgresql://var/x',
      source: 'DATABASE_URL',
    })
    const file = resolveTarget(options, io({ PW: 'secret', DATABASE_URL: '' }))
    expect(file).toMatchObject({
      url: 'postgresql://u:secret@db/prod?sslmode=require',
      source: 'environments.production.database_url',
      environment: { name: 'production' },
    })
  })

  test('only the variables of the environment at hand are needed, none when the URL is overridden', () => {
    expect(() => resolveTarget({ ...options, env: 'staging' }, io({ PW: 'x' }))).toThrow(
      /config\.yaml:4:5: environments\.staging\.database_url: the environment variable STAGING_URL is not set/,
    )
    const overridden = resolveTarget(
      { ...options, env: 'staging' },
      io({ DATABASE_URL: 'postgresql://var/x' }),
    )
    expect(overridden.url).toBe('postgresql://var/x')
  })

  test('a value that is no URL is not quoted', () => {
    expect(() => resolveTarget({ ...options, env: 'staging' }, io({ STAGING_URL: 'hunter2' }))).toThrow(
      /config\.yaml:4:5: environments\.staging\.database_url: not a PostgreSQL URL; expected (?!.*hunter2)/,
    )
    expect(() => resolveTarget(options, io({ DATABASE_URL: 'mysql://u:hunter2@h' }))).toThrow(
      /^DATABASE_URL: not a PostgreSQL URL; expected (?!.*hunter2)/,
    )
    expect(() => resolveTarget({ ...options, databaseUrl: '' }, io())).toThrow(
      '--database-url: not a PostgreSQL',
    )
  })

  test('no URL anywhere, no such environment, no file', () => {
    expect(() => resolveTarget({ ...options, env: 'bare' }, io())).toThrow(
      'the environment "bare" has no database_url; add it, or set DATABASE_URL, or give --database-url',
    )
    expect(() =>
      resolveTarget({ ...options, env: 'prod' }, io({ DATABASE_URL: 'postgresql://x/y' })),
    ).toThrow('there is no environment "prod" here; known here: production, staging, bare')
    expect(() => resolveTarget(options, io({ DATABASE_URL: 'postgresql://x/y' }, nothing.path))).toThrow(
      'config.yaml: cannot read this configuration: no such file',
    )
  })
})

describe('resolveDatabase', () => {
  const env = { DATABASE_URL: 'postgresql://var/x' }

  test('the default file may be missing when the URL is given', () => {
    expect(resolveDatabase(options, io(env, nothing.path))).toMatchObject({
      source: 'DATABASE_URL',
      config: undefined,
    })
    expect(() => resolveDatabase(options, io({}, nothing.path))).toThrow('no such file')
    expect(() => resolveDatabase({ ...options, config: 'mine.yaml' }, io(env, nothing.path))).toThrow(
      `${join(nothing.path, 'mine.yaml')}: cannot read this configuration: no such file`,
    )
  })

  test('the environment matters only where it says the URL', () => {
    expect(resolveDatabase({ ...options, env: 'other' }, io(env)).url).toBe('postgresql://var/x')
    expect(() => resolveDatabase({ ...options, env: 'other' }, io())).toThrow(
      'there is no environment "other"',
    )
  })
})

describe('allDatabases', () => {
  const config = parseConfig(
    `environments:
  a: {database_url: "postgresql://one:x@DB/main"}
  b: {database_url: "postgres://two:y@db:5432/main?sslmode=require"}
  c: {database_url: "postgresql://one:x@db/other"}
  d: {}`,
    'config.yaml',
    {},
  )

  test('each database once, whoever logs in', () => {
    expect(allDatabases(config, undefined, io())).toEqual([
      { url: 'postgresql://one:x@DB/main', environments: ['a', 'b'] },
      { url: 'postgresql://one:x@db/other', environments: ['c'] },
    ])
  })

  test('an override is the one database of all', () => {
    expect(allDatabases(config, 'postgresql://h/x', io())).toEqual([
      { url: 'postgresql://h/x', environments: ['a', 'b', 'c', 'd'] },
    ])
    expect(() => allDatabases(parseConfig('environments: {a: }', 'c.yaml', {}), undefined, io())).toThrow(
      'c.yaml: no environment has a database_url; add one, or set DATABASE_URL',
    )
  })
})

describe('a password that was not encoded', () => {
  test.each([
    'postgresql://user:12/34hunter2@host/db',
    'postgresql://user:12?hunter2@host/db',
    'postgresql://user:12#hunter2@host/db',
    'postgresql://user:hunter2%@host/db',
  ])('%s is refused before a part of it is taken for a host', (url) => {
    expect(() => parseDatabaseUrl(url, 'DATABASE_URL')).toThrow(
      /^DATABASE_URL: special characters (?!.*hunter2)/,
    )
  })

  test('an encoded one is accepted', () => {
    expect(parseDatabaseUrl('postgresql://user:a%2Fb%40c@host/db', 'x')).toBe(
      'postgresql://user:a%2Fb%40c@host/db',
    )
  })
})

describe('parseDatabaseUrl', () => {
  test.each([
    ['postgresql+asyncpg://u:p@/db?host=/cloudsql/a:b:c', 'postgresql://u:p@%2Fcloudsql%2Fa%3Ab%3Ac/db'],
    ['postgresql://u:p@:5433/db?host=/run/pg', 'postgresql://u:p@%2Frun%2Fpg:5433/db'],
    ['postgresql://u:p@x:99/db?host=real', 'postgresql://u:p@real:99/db'],
    ['postgresql://u:p@x/db?host=::1&port=5433', 'postgresql://u:p@[::1]:5433/db'],
    ['postgresql://u:p@h1:1,h2/db', 'postgresql://u:p@h1:1/db?host=h1%2Ch2&port=1%2C'],
    ['postgresql://u@h1,[::2]:2/db?port=3', 'postgresql://u@h1:3/db?host=h1%2C%3A%3A2&port=3%2C3'],
    ['postgresql:///db', 'postgresql:///db'],
    ['postgresql://h?dbname=a%2Fb', 'postgresql://h/a%2Fb'],
    ['postgresql://h/db?sslmode=no-verify', 'postgresql://h/db?sslmode=require'],
    ['postgresql://h/db?ssl=prefer&application_name=x&unknown=y', 'postgresql://h/db?sslmode=prefer'],
    [' postgresql://u:p@s@h/db\n', 'postgresql://u:p%40s@h/db'],
  ])('%s', (text, plain) => {
    expect(parseDatabaseUrl(text, 'x')).toBe(plain)
    expect(parseDatabaseUrl(plain, 'x')).toBe(plain)
  })

  test.each([
    ['postgresql://u:hunter2@/db', /^x: names no host; expected /],
    ['postgresql://u:hunter2@a,,b/db', /^x: a host of the list is empty/],
    ['postgresql://u:hunter2@a,b,c/db?port=1,2', /^x: names 3 hosts and 2 ports/],
    ['postgresql://u:hunter2@a:99x/db', /^x: not a PostgreSQL URL/],
    ['postgresql://u:hunter2@a b/db', /^x: not a PostgreSQL URL/],
    ['postgresql://u:hunter2@h/db?sslmode=on', /^x: sslmode must be one of disable, allow, prefer/],
    ['postgresql://u:hunter2@h/db?target_session_attrs=rw', /^x: target_session_attrs must be one of any, /],
  ])('%s is refused', (text, message) => {
    expect(() => parseDatabaseUrl(text, 'x')).toThrow(message)
    expect(() => parseDatabaseUrl(text, 'x')).not.toThrow(/hunter2/)
  })
})
