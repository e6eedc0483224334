import type { Client } from 'pg'
import { applicationNameOf, serverSession } from './client.ts'
import type { Target } from './client.ts'
import { isTransient } from './errors.ts'

/** How long the server is given to end a session, in ms. */
const PATIENCE = 2_000

type LostSession = { readonly pid: number; readonly startedAt: string; readonly applicationName: string }

/**
 * The sessions of one attempt whose connections broke on the client's side. A proxy or a network may keep the server's
 * side open: that session goes on to hold its locks, for as long as it waits for data no limit of the server ends it, and
 * no peer ends it while this process is alive. So the process itself ends it, on the next connection that it has.
 */
export class LostSessions {
  #sessions: readonly LostSession[] = []

  /** `target` is what `client` is connected by; it has the session's name. */
  add(client: Client, target: Target): void {
    const session = serverSession(client)
    if (session === undefined) return
    this.#sessions = [...this.#sessions, { ...session, applicationName: applicationNameOf(target) }]
  }

  /** Ends them on the server that `client` is connected to; another server has none of them. */
  async end(client: Client): Promise<void> {
    const sessions = this.#sessions
    this.#sessions = []
    try {
      for (const session of sessions) await endServerSession(client, session)
    } catch (error) {
      // To be without the right to end a session is no reason to stop working.
      if (!isTransient(error)) return
      this.#sessions = [...sessions, ...this.#sessions]
      throw error
    }
  }
}

/**
 * The time of its start tells the session from a later one whose process has the same number, the name from one to which
 * a pooler has given the process since.
 */
async function endServerSession(
  client: Client,
  { pid, startedAt, applicationName }: LostSession,
): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid, $4) FROM pg_stat_activity
      WHERE pid = $1 AND pid <> pg_backend_pid() AND backend_start::text = $2 AND application_name = $3`,
    [pid, startedAt, applicationName, PATIENCE],
  )
}
