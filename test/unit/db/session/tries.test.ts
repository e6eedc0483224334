import { DatabaseError } from 'pg'
import { describe, expect, it } from 'vitest'
import { mayTryOtherMode, requireAttributes, triesOf } from '../../../../job-image/db/session/tries.ts'

const session = { pid: 1, startedAt: '', wasAsynchronous: false, isStandby: false, isReadOnly: false }

/** The server and the TLS mode of each try. */
function attemptsOf(url: string): string[] {
  return triesOf(url).servers.flatMap(({ name, urls }) =>
    urls.map((each) => {
      const { host, searchParams } = new URL(each)
      return `${name}: ${host} ${searchParams.get('sslmode') ?? 'default'} ${searchParams.get('uselibpqcompat') ?? '-'}`
    }),
  )
}

describe('the servers of a URL are tried', () => {
  it('in its order, each with its own port', () => {
    expect(attemptsOf('postgresql://u:p@one:1,two:2/db')).toEqual([
      'one:1: one:1 default -',
      'two:2: two:2 default -',
    ])
  })

  it.each([
    ['prefer', ['prefer', 'disable']],
    ['allow', ['disable', 'require']],
    ['disable', ['disable']],
    ['require', ['require']],
    ['verify-full', ['verify-full']],
  ])('with sslmode=%s in the modes %j, with the meaning of libpq', (mode, modes) => {
    expect(attemptsOf(`postgresql://u@h/db?sslmode=${mode}`)).toEqual(
      modes.map((each) => `h: h ${each} true`),
    )
  })

  it('without TLS on a Unix socket', () => {
    expect(attemptsOf('postgresql:///db?host=/run/pg&sslmode=require')).toEqual([
      '/run/pg: %2Frun%2Fpg disable true',
    ])
  })

  it('alone, and without the wanted role, which is checked in the session', () => {
    const { servers, attributes } = triesOf('postgresql://u:p@one,two/db?target_session_attrs=primary')
    expect(attributes).toBe('primary')
    expect(servers.flatMap(({ urls }) => urls)).toEqual([
      'postgresql://u:p@one/db',
      'postgresql://u:p@two/db',
    ])
    expect(triesOf('postgresql://u@h/db').attributes).toBeUndefined()
  })
})

describe('another TLS mode is tried', () => {
  const refused = (code: string): DatabaseError =>
    Object.assign(new DatabaseError('no', 2, 'error'), { code })

  it.each([
    [new Error('The server does not support SSL connections'), true],
    [refused('28000'), true],
    [refused('28P01'), false],
    [new Error('connect ECONNREFUSED'), false],
  ])('after %s: %s', (error, expected) => {
    expect(mayTryOtherMode(error)).toBe(expected)
  })
})

describe('target_session_attrs', () => {
  const primary = session
  const standby = { ...session, isStandby: true }
  const readOnly = { ...session, isReadOnly: true }

  it.each([
    ['any', standby, undefined],
    ['read-write', primary, undefined],
    ['read-write', standby, 'the server is a standby'],
    ['read-write', readOnly, 'transactions there are read-only'],
    ['read-only', primary, 'the server can be written to'],
    ['read-only', standby, undefined],
    ['read-only', readOnly, undefined],
    ['primary', readOnly, undefined],
    ['primary', standby, 'the server is a standby'],
    ['standby', standby, undefined],
    ['standby', primary, 'the server is a primary'],
  ])('%s with %j: %s', (attributes, found, message) => {
    const check = (): void => requireAttributes(attributes, found)
    if (message === undefined) expect(check).not.toThrow()
    else expect(check).toThrow(expect.objectContaining({ name: 'WrongServer', message }))
  })
})
