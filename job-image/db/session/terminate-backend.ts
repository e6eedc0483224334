import type { Client } from 'pg'
import { connect, cutConnection, disconnect } from './client.ts'
import type { Target } from './client.ts'
import { LostSessions } from './lost-sessions.ts'

/** How long the server is given to end a session, in ms. */
const PATIENCE = 2_000

/**
 * Ends a session whatever it waits for; what is under way on it fails as on a lost connection, and is rolled back.
 * To cut the connection is not enough: a server that waits for a lock does not look at its client, and would keep what
 * the transaction has locked for as long as that takes. So the server is asked by a second session first.
 */
export async function terminateSession(target: Target, client: Client): Promise<void> {
  const lost = new LostSessions()
  lost.add(client, target)
  const asked = askServer(target, lost).catch(() => {})
  let timer: NodeJS.Timeout | undefined
  await Promise.race([asked, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)))])
  clearTimeout(timer)
  cutConnection(client)
}

async function askServer(target: Target, lost: LostSessions): Promise<void> {
  const { url, writes = false } = target
  const client = await connect({
    url,
    writes,
    applicationName: 'rapidrmf stop',
    retryFor: 0,
    queryTimeout: PATIENCE,
  })
  try {
    await lost.end(client)
  } finally {
    await disconnect(client)
  }
}
