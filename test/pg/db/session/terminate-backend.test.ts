import { expect, it } from 'vitest'
import { connect } from '../../../../job-image/db/session/client.ts'
import { terminateSession } from '../../../../job-image/db/session/terminate-backend.ts'
import { createDatabase } from '../../../support/database.ts'
import { startProxy } from '../../../support/proxy.ts'

const { client, url } = await createDatabase('empty')

async function sessionsOf(name: string): Promise<number> {
  const { rows } = await client.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [name])
  return rows.length
}

it('a session that waits for a lock is ended on the server, and its locks are released', async () => {
  const target = { url, applicationName: 'waits for a lock' }
  const session = await connect(target)
  await client.query('CREATE TABLE held (); BEGIN; LOCK TABLE held')
  await session.query('BEGIN; CREATE TABLE own (); SELECT pg_advisory_xact_lock(1)')
  const work = session.query('LOCK TABLE held').then(
    () => undefined,
    (error: unknown) => error,
  )
  await terminateSession(target, session)
  expect(await work).toBeInstanceOf(Error)
  await expect.poll(() => sessionsOf('waits for a lock')).toBe(0)
  const { rows } = await client.query('SELECT pg_try_advisory_xact_lock(1) AS free')
  expect(rows).toEqual([{ free: true }])
  await client.query('ROLLBACK')
})

it('leaves other sessions of the same name, and none of its own', async () => {
  const target = { url, applicationName: 'two of a name' }
  const [one, other] = await Promise.all([connect(target), connect(target)])
  await terminateSession(target, one)
  await other.query('SELECT 1')
  await terminateSession(target, other)
  await expect.poll(() => sessionsOf('two of a name')).toBe(0)
  await expect.poll(() => sessionsOf('rapidrmf stop')).toBe(0)
})

it('cuts the connection where the server cannot be reached', async () => {
  const proxy = await startProxy(Number(new URL(url).port))
  const target = { url: proxy.through(url), applicationName: 'behind a cut' }
  const session = await connect(target)
  proxy.freeze()
  const work = session.query('SELECT 1').then(
    () => undefined,
    (error: unknown) => error,
  )
  proxy.redirect(1)
  await terminateSession(target, session)
  expect(await work).toBeInstanceOf(Error)
})
