import type { Client } from 'pg'
import { connect, cutConnection, disconnect, serverSession } from './client.ts'
import type { Target } from './client.ts'

/** How long the server is given to end a session, in ms. */
const PATIENCE = 2_000

/**
 * Ends a session whatever it waits for; what is under way on it fails as on a lost connection, and is rolled back.
 * To cut the connection is not enough: a server that waits for a lock does not look at its client, and would keep what
 * the transaction has locked for as long as that takes. So the server is asked by a second session first.
 */
export async function terminateSession({ url }: Target, client: Client): Promise<void> {
  const asked = askServer(url, serverSession(client)?.pid).catch(() => {})
  let timer: NodeJS.Timeout | undefined
  await Promise.race([asked, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)))])
  clearTimeout(timer)
  cutConnection(client)
}

async function askServer(url: string, pid: number | undefined): Promise<void> {
  if (pid === undefined) return
  const client = await connect({
    url,
    applicationName: 'rapidrmf stop',
    retryFor: 0,
    queryTimeout: PATIENCE,
  })
  try {
    await client.query('SELECT pg_terminate_backend($1::int, $2::bigint)', [pid, PATIENCE])
  } finally {
    await disconnect(client)
  }
}
