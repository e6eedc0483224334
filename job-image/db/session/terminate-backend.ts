import type { Client } from 'pg'
import { connect, cutConnection, disconnect } from './client.ts'
import type { Target } from './client.ts'
import { LostSessions } from './lost-sessions.ts'

/** Timeout of terminating a session, in ms. */
const TERMINATE_TIMEOUT = 2_000

/**
 * Terminates a session, even one that waits for a lock; its running work fails as after a lost connection and is rolled
 * back. Closing the connection is not enough: a server process that waits for a lock does not notice it and keeps the
 * locks of its transaction. Therefore a second session requests the termination first.
 */
export async function terminateSession(target: Target, client: Client): Promise<void> {
  const lost = new LostSessions()
  lost.add(client, target)
  const requested = requestTermination(target, lost).catch(() => {})
  let timer: NodeJS.Timeout | undefined
  await Promise.race([requested, new Promise((resolve) => (timer = setTimeout(resolve, TERMINATE_TIMEOUT)))])
  clearTimeout(timer)
  cutConnection(client)
}

async function requestTermination(target: Target, lost: LostSessions): Promise<void> {
  const { url, writes = false } = target
  const client = await connect({
    url,
    writes,
    applicationName: 'rapidrmf stop',
    retryFor: 0,
    queryTimeout: TERMINATE_TIMEOUT,
  })
  try {
    await lost.end(client)
  } finally {
    await disconnect(client)
  }
}
