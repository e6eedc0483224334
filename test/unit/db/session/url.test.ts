import { describe, expect, it } from 'vitest'
import { InputError } from '../../../../job-image/errors.ts'
import {
  describeDatabase,
  describeHost,
  parseDatabaseUrl,
  readDatabaseUrl,
} from '../../../../job-image/db/session/url.ts'

const parse = (text: string): string => parseDatabaseUrl(text, 'DATABASE_URL')

describe('a database URL is normalized', () => {
  it.each([
    ['postgres://u:p@h/db', 'postgresql://u:p@h/db'],
    ['postgresql+asyncpg://u:p@h:5433/db', 'postgresql://u:p@h:5433/db'],
    [' postgresql://h/db\n', 'postgresql://h/db'],
    ['postgresql://u:a%2Fb%40c@h/db', 'postgresql://u:a%2Fb%40c@h/db'],
    ['postgresql://u:a:b@h/db', 'postgresql://u:a%3Ab@h/db'],
    ['postgresql://u@h?dbname=My%20db', 'postgresql://u@h/My%20db'],
    ['postgresql://u@h/one?dbname=two', 'postgresql://u@h/one'],
    ['postgresql://u@[::1]:5432/db', 'postgresql://u@[::1]:5432/db'],
    ['postgresql:///db?host=/run/pg', 'postgresql://%2Frun%2Fpg/db'],
    ['postgresql://u@a/db?host=b&port=7', 'postgresql://u@b:7/db'],
    ['postgresql://u@h/db?ssl=true', 'postgresql://u@h/db?sslmode=require'],
    ['postgresql://u@h/db?ssl=false', 'postgresql://u@h/db?sslmode=disable'],
    ['postgresql://u@h/db?sslmode=no-verify', 'postgresql://u@h/db?sslmode=require'],
    ['postgresql://u@h/db?ssl=true&sslmode=verify-ca', 'postgresql://u@h/db?sslmode=verify-ca'],
    [
      'postgresql://u@h/db?application_name=x&statement_timeout=1&options=-cwork_mem%3D1MB',
      'postgresql://u@h/db?options=-cwork_mem%3D1MB',
    ],
  ])('%j: %s', (text, expected) => {
    expect(parse(text)).toBe(expected)
  })

  it('and stays as it is when it is normalized again, with several hosts too', () => {
    const once = parse('postgresql://u:p@a:1,b:2/db?target_session_attrs=primary')
    expect(parse(once)).toBe(once)
    expect(readDatabaseUrl(once).hosts).toEqual([
      { name: 'a', port: '1' },
      { name: 'b', port: '2' },
    ])
  })

  it('with one port for every host', () => {
    expect(readDatabaseUrl('postgresql://u@/db?host=a,b&port=6432').hosts).toEqual([
      { name: 'a', port: '6432' },
      { name: 'b', port: '6432' },
    ])
  })
})

describe('a database URL is refused', () => {
  it.each([
    ['mysql://u:geheim@h/db', /^DATABASE_URL: not a PostgreSQL URL; expected postgresql:/],
    ['postgresql://u:ge/heim@h/db', /must be percent-encoded/],
    ['postgresql://u:ge#heim@h/db', /must be percent-encoded/],
    ['postgresql://u:ge?heim@h/db', /must be percent-encoded/],
    ['postgresql://u:geheim%@h/db', /must be percent-encoded/],
    ['postgresql://u:geheim@/db', /^DATABASE_URL: names no host/],
    ['postgresql://u:geheim@h:123456/db', /not a PostgreSQL URL/],
    ['postgresql://u:geheim@h:x/db', /not a PostgreSQL URL/],
    ['postgresql://u:geheim@a,/db', /a host of the list is empty/],
    ['postgresql://u:geheim@/db?host=a,b,c&port=1,2', /names 3 hosts and 2 ports; give one port, or one for/],
    ['postgresql://u:geheim@h/db?sslmode=on', /sslmode must be one of disable, allow, prefer, require/],
    ['postgresql://u:geheim@h/db?target_session_attrs=master', /target_session_attrs must be one of any, /],
  ])('without its password in the message: %s', (text, message) => {
    expect(() => parse(text)).toThrow(InputError)
    expect(() => parse(text)).toThrow(message)
    expect(() => parse(text)).not.toThrow(/heim/)
  })

  it('with the place that the caller names', () => {
    const source = (message: string) => ({ message, file: 'rapidrmf.yaml', line: 3 })
    expect(() => parseDatabaseUrl('x', source)).toThrow(/^rapidrmf\.yaml:3: not a PostgreSQL URL/)
  })
})

describe('a database in messages', () => {
  it.each([
    ['postgresql://u:geheim@h:1/db?sslcert=/x', 'u@h:1/db'],
    ['postgresql://a%40b:geheim@one:1,two/db', 'a@b@one:1,two/db'],
    ['postgresql://h', 'h'],
    ['postgresql:///db?host=/run/pg&port=7', '/run/pg:7/db'],
    ['postgresql://u:ge#heim@h/db', '(unreadable database URL)'],
  ])('%s: %s', (text, expected) => {
    expect(describeDatabase(text)).toBe(expected)
  })

  it('a host with its port, if it has one', () => {
    expect(describeHost({ name: '/run/pg', port: '' })).toBe('/run/pg')
    expect(describeHost({ name: '::1', port: '5432' })).toBe('[::1]:5432')
    expect(describeHost({ name: 'db', port: '' })).toBe('db')
  })
})
