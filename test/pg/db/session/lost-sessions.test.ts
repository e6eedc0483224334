import { expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { LostSessions } from '../../../../job-image/db/session/lost-sessions.ts'
import { createDatabase } from '../../../support/database.ts'

const { client, url } = await createDatabase('empty')
const target = { url, applicationName: 'lost' }

it('a lost session is ended, and no other that has its process by then', async () => {
  const session = await connect(target)
  const lost = new LostSessions()
  // As behind a pooler, which gives a process that was left to the next client.
  await session.query(`SET application_name TO 'somebody else'`)
  lost.add(session, target)
  await lost.end(client)
  await session.query(`SET application_name TO 'lost'`)
  // What was ended once is not ended again.
  await lost.end(client)
  await session.query('SELECT 1')

  lost.add(session, target)
  await lost.end(client)
  await expect(session.query('SELECT 1')).rejects.toThrow(/terminat|connection error/)
  await disconnect(session)
})

it('a session is not ended by itself', async () => {
  const session = await connect(target)
  const lost = new LostSessions()
  lost.add(session, target)
  await lost.end(session)
  await session.query('SELECT 1')
  await disconnect(session)
})
