import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../../../scripts/local-postgres.ts'
import { InputError, parseDatabaseUrl, withClient } from '../../../../job-image/index.ts'
import type { Target } from '../../../../job-image/index.ts'
import { sessionWarnings } from '../../../../job-image/db/session/client.ts'
import { createDatabase } from '../../../support/database.ts'
import { expectNoPassword } from '../../../support/process.ts'
import { runRequest } from '../../../support/request.ts'
import { expectExactlyOnce } from '../../../support/run-check.ts'
import { startReplicated } from '../../../support/standby.ts'
import type { Replicated } from '../../../support/standby.ts'
import { startTlsPostgres } from '../../../support/tls-postgres.ts'
import type { TlsPostgres } from '../../../support/tls-postgres.ts'
import { watchRun } from '../../../support/watch-run.ts'
import { seedWorld } from '../../../support/world.ts'
import { executeRun } from '../../../../job-image/run/job.ts'

const { client, name, url } = await createDatabase()
const { port, password } = new URL(url)
const dead = await freePort()
let tls: TlsPostgres
let replicated: Replicated
// Not at the top of the file: what fails there skips the clean-up.
beforeAll(async () => {
  tls = await startTlsPostgres()
  replicated = await startReplicated(async () => {})
})
afterAll(() => tls.remove())

type Place = { readonly port: number; readonly standby: boolean; readonly encrypted: boolean }

/** Where a URL of a user leads. */
async function place(text: string, changes: Partial<Target> = {}): Promise<Place & { warnings: string[] }> {
  return withClient({ url: parseDatabaseUrl(text, 'url'), retryFor: 0, ...changes }, async (session) => {
    const { rows } = await session.query<Place>(
      `SELECT current_setting('port')::int AS port, pg_is_in_recovery() AS standby,
              (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted`,
    )
    return { ...rows[0]!, warnings: sessionWarnings(session) }
  })
}

async function failure(text: string): Promise<Error> {
  return place(text).then(
    () => expect.unreachable(),
    (error: unknown) => error as Error,
  )
}

describe('a Unix socket', () => {
  it.each(['postgresql+asyncpg', 'postgresql', 'postgres'])('by the parameter host, %s', async (scheme) => {
    const secret = new URL(tls.url).password
    const text = `${scheme}://postgres:${secret}@/postgres?host=${tls.sockets}&port=${tls.port}`
    expect(await place(text)).toMatchObject({ port: tls.port, encrypted: false })
  })

  it('by an encoded directory, whatever is said of TLS', async () => {
    const secret = new URL(tls.url).password
    const text = `postgresql://postgres:${secret}@${encodeURIComponent(tls.sockets)}:${tls.port}/postgres`
    expect(await place(`${text}?sslmode=verify-full`)).toMatchObject({ port: tls.port, encrypted: false })
  })

  it('that is not there is named, without the password', async () => {
    const nowhere = mkdtempSync(join(tmpdir(), 'rapidrmf-nowhere-'))
    const { message } = await failure(`postgresql://u:canary@/db?host=${nowhere}`)
    expect(message).toMatch(`database u@${nowhere}/db cannot be reached`)
    expect(message).not.toContain('canary')
  })
})

describe('several hosts', () => {
  it.each([
    ['before the path', () => `127.0.0.1:${dead},127.0.0.1:${port}/${name}?`],
    ['as parameters', () => `/${name}?host=127.0.0.1,127.0.0.1&port=${dead},${port}`],
  ])('%s: the first one that answers is used', async (_, rest) => {
    expect(await place(`postgresql://postgres:${password}@${rest()}`)).toMatchObject({ port: Number(port) })
  })

  it('of which none answers: all are named, without the password', async () => {
    const other = await freePort()
    const error = await failure(`postgresql://u:canary-password@127.0.0.1:${dead},localhost:${other}/db`)
    expect(error).not.toBeInstanceOf(InputError)
    expect(error.message).toMatch(
      `database u@127.0.0.1:${dead},localhost:${other}/db cannot be reached: 127.0.0.1:${dead}: `,
    )
    expect(error.message).toContain(`; localhost:${other}: `)
    expect(error.message).not.toContain('canary')
  })

  it('of which one refuses the password: it is named, and the others are not tried', async () => {
    const { message } = await failure(`postgresql://postgres:canary@127.0.0.1:${port},127.0.0.1:${dead}/x`)
    expect(message).toMatch(new RegExp(`127.0.0.1:${port}: password.*; check user and password`))
  })

  describe('of a primary and its standby', () => {
    const both = (order: 'standby first' | 'primary first', query = ''): string => {
      const { primary, standby } = replicated
      const ports = order === 'standby first' ? [standby.port, primary.port] : [primary.port, standby.port]
      const secret = new URL(primary.url).password
      return `postgresql://postgres:${secret}@${ports.map((each) => `127.0.0.1:${each}`).join(',')}/postgres${query}`
    }

    it.each([
      ['standby first', '', true],
      ['standby first', '?target_session_attrs=read-write', false],
      ['standby first', '?target_session_attrs=primary', false],
      ['primary first', '?target_session_attrs=standby', true],
      ['primary first', '?target_session_attrs=read-only', true],
      ['standby first', '?target_session_attrs=any', true],
      ['primary first', '?target_session_attrs=any', false],
    ] as const)('%s%s', async (order, query, standby) => {
      expect(await place(both(order, query))).toMatchObject({ standby })
    })

    it('work that writes takes the primary', async () => {
      expect(await place(both('standby first'), { writes: true })).toMatchObject({ standby: false })
    })

    it('a run that has the standby only waits for a failover, says so at once, and ends with words', async () => {
      const { events, observer } = watchRun()
      const { url: databaseUrl } = replicated.standby
      const request = runRequest(databaseUrl, { observer })
      const run = executeRun({ ...request, timing: { ...request.timing, outage: 500 } })
      const words = /the server is a standby, which can only be read: connect to its primary/
      await expect(run).rejects.toThrow(words)
      expect(events[0]).toEqual({ type: 'retrying', error: expect.stringMatching(words) as string })
    })

    it('of which none is of the wanted kind says so', async () => {
      const { standby } = replicated
      const { message } = await failure(`${standby.url}?target_session_attrs=read-write`)
      expect(message).toMatch(/^database postgres@\S+: the server is a standby/)
    })
  })
})

describe('a server without TLS', () => {
  it.each(['prefer', 'allow', 'disable'])('sslmode=%s goes on without it', async (mode) => {
    const { encrypted, warnings } = await place(`${url}?sslmode=${mode}`)
    expect({ encrypted, warnings }).toEqual({
      encrypted: false,
      warnings:
        mode === 'prefer' ? [expect.stringMatching(/^the connection is not encrypted/) as string] : [],
    })
  })

  it.each(['require', 'no-verify', 'verify-full', 'verify-ca&sslrootcert=AUTHORITY'])(
    'sslmode=%s is refused with words',
    async (mode) => {
      const error = await failure(`${url}?sslmode=${mode.replace('AUTHORITY', tls.authority)}`)
      expect(error).toBeInstanceOf(InputError)
      expect(error.message).toMatch(/^database postgres@127.0.0.1\S+: .*SSL.*; change sslmode in the URL/)
    },
  )

  it('a run goes on with sslmode=prefer, and says once that it is not encrypted', async () => {
    await seedWorld(client, { systems: 2, controls: ['AC-2'] })
    const { events, observer } = watchRun()
    const runKey = 'prefer'
    await executeRun(runRequest(parseDatabaseUrl(`${url}?sslmode=prefer`, 'url'), { runKey, observer }))
    await expectExactlyOnce(client, runKey, 2)
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      { type: 'warning', message: expect.stringMatching(/^the connection is not encrypted/) as string },
    ])
  })
})

describe('a server with TLS', () => {
  it.each([
    ['disable', false],
    ['allow', false],
    ['prefer', true],
    ['require', true],
    ['no-verify', true],
    ['verify-ca&sslrootcert=AUTHORITY', true],
    ['verify-full&sslrootcert=AUTHORITY', true],
  ])('sslmode=%s', async (mode, encrypted) => {
    const text = `${tls.url}?sslmode=${mode.replace('AUTHORITY', tls.authority)}`
    expect(await place(text)).toMatchObject({ encrypted, warnings: [] })
  })

  it('that wants it: sslmode=allow comes to it in the end, sslmode=disable is refused with words', async () => {
    const text = `postgresql://encrypted:x@127.0.0.1:${tls.port}/postgres`
    expect(await place(`${text}?sslmode=allow`)).toMatchObject({ encrypted: true })
    const error = await failure(`${text}?sslmode=disable`)
    expect(error).toBeInstanceOf(InputError)
    expect(error.message).toMatch(/pg_hba.conf.*; check user, database and TLS mode/)
  })

  it.each([
    ['of an unknown authority', '127.0.0.1', 'verify-full', 'is not trusted: name its authority'],
    ['of another authority', '127.0.0.1', 'verify-full&sslrootcert=STRANGER', 'is not trusted'],
    ['for another host', 'localhost', 'verify-full&sslrootcert=AUTHORITY', 'connect by a host name that'],
  ])('a certificate %s is refused with words', async (_, host, mode, words) => {
    const files = mode.replace('AUTHORITY', tls.authority).replace('STRANGER', tls.stranger)
    const error = await failure(`${tls.url.replace('127.0.0.1', host)}?sslmode=${files}`)
    expect(error).toBeInstanceOf(InputError)
    expect(error.message).toMatch(`database postgres@${host}:${tls.port}/postgres: `)
    expect(error.message).toContain(words)
    expectNoPassword(tls.url, error.message)
  })
})

describe('options of the URL that the server refuses', () => {
  it.each([
    ['an unknown setting', '-cno_such_setting=1'],
    ['a value that it cannot have', '-clock_timeout=soon'],
    ['a setting of the start of the server', '-cport=1'],
    ['no setting', '--nonsense'],
  ])('%s: refused with words', async (_, options) => {
    const error = await failure(`${url}?options=${encodeURIComponent(options)}`)
    expect(error).toBeInstanceOf(InputError)
    expect(error.message).toMatch(/^database \S+: .*; correct the options in the URL/)
  })
})
