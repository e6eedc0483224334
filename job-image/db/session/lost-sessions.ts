import type { Client } from 'pg'
import { applicationNameOf, serverSession } from './client.ts'
import type { Target } from './client.ts'
import { isTransient } from './errors.ts'

/** How long pg_terminate_backend waits for the end of a session, in ms. */
const TERMINATE_TIMEOUT = 2_000

type LostSession = { readonly pid: number; readonly startedAt: string; readonly applicationName: string }

/**
 * The sessions of one attempt whose connections broke on the client's side. A proxy or a network may keep the server's
 * side open, with its locks: no timeout of the server ends a session that waits for COPY data, and no peer ends it while
 * this process is alive. Therefore the process terminates it on its next connection.
 */
export class LostSessions {
  #sessions: readonly LostSession[] = []

  /** Adds the session of `client`; `target` has its application name. */
  add(client: Client, target: Target): void {
    const session = serverSession(client)
    if (session === undefined) return
    this.#sessions = [...this.#sessions, { ...session, applicationName: applicationNameOf(target) }]
  }

  /** Terminates the sessions on the server of `client`; on another server they do not exist. */
  async end(client: Client): Promise<void> {
    const sessions = this.#sessions
    this.#sessions = []
    try {
      for (const session of sessions) await endServerSession(client, session)
    } catch (error) {
      // A missing privilege to terminate a session does not fail the work.
      if (!isTransient(error)) return
      this.#sessions = [...sessions, ...this.#sessions]
      throw error
    }
  }
}

/**
 * Terminates one session. Its start time distinguishes it from a later session with the same pid, its name from a later
 * client of the same pooled session.
 */
async function endServerSession(
  client: Client,
  { pid, startedAt, applicationName }: LostSession,
): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid, $4) FROM pg_stat_activity
      WHERE pid = $1 AND pid <> pg_backend_pid() AND backend_start::text = $2 AND application_name = $3`,
    [pid, startedAt, applicationName, TERMINATE_TIMEOUT],
  )
}
