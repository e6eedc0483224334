import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { refuseSharedSessions } from '../../../../job-image/db/session/refuse-pgbouncer.ts'
import { InputError } from '../../../../job-image/errors.ts'
import { createDatabase } from '../../../support/database.ts'
import { limitedRole } from '../../../support/limited-role.ts'

const database = await createDatabase('empty')
const { client, url } = database
const target = { url, applicationName: 'second session' }
const nothing = async (): Promise<void> => {}
const never = (message: string): never => expect.unreachable(message)

async function secondSessions(): Promise<number> {
  const { rows } = await client.query(
    `SELECT FROM pg_stat_activity WHERE application_name = 'second session' AND datname = current_database()`,
  )
  return rows.length
}

/** A session behind a pooler that resets it after every statement. */
async function pooledSession(): Promise<Client> {
  const session = await connect({ url })
  const query = session.query.bind(session) as (text: string) => Promise<unknown>
  const pooled = async (text: string): Promise<unknown> => {
    const answer = await query(text)
    await query('DISCARD ALL')
    return answer
  }
  return Object.assign(session, { query: pooled })
}

describe('two sessions of a run', () => {
  it('of their own are accepted, and the second one is closed', async () => {
    let worked = false
    await refuseSharedSessions(client, target, async () => void (worked = true), never)
    expect(worked).toBe(true)
    await expect.poll(secondSessions).toBe(0)
  })

  it('that lose their settings between statements are refused', async () => {
    const session = await pooledSession()
    const refused = refuseSharedSessions(session, target, nothing, never)
    await expect(refused).rejects.toThrow(InputError)
    await expect(refused).rejects.toThrow(
      /a proxy that shares sessions .*pool_mode = transaction.*connect directly/,
    )
    await expect.poll(secondSessions).toBe(0)
    await disconnect(session)
  })

  it('are not both needed: without room for the second one the run continues with a warning', async () => {
    const one = await limitedRole(database, 1)
    const session = await connect({ url: one })
    const warnings: string[] = []
    const warn = (message: string): void => void warnings.push(message)
    await refuseSharedSessions(session, { url: one, retryFor: 0 }, nothing, warn)
    await disconnect(session)
    expect(warnings).toEqual([
      expect.stringMatching(
        /^whether a proxy shares database sessions could not be checked: .*too many connections/,
      ),
    ])
  })

  it('are refused where the second one is refused for its password', async () => {
    const wrong = Object.assign(new URL(url), { username: 'nobody_at_all', password: 'x' }).toString()
    await expect(refuseSharedSessions(client, { url: wrong }, nothing, never)).rejects.toThrow(
      /nobody_at_all/,
    )
  })

  it('are closed when the work of the first one fails', async () => {
    const broken = (): Promise<void> => Promise.reject(new Error('the work failed'))
    await expect(refuseSharedSessions(client, target, broken, never)).rejects.toThrow('the work failed')
    await expect.poll(secondSessions).toBe(0)
  })
})
