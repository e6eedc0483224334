import type { Client } from 'pg'
import { beat } from '../db/runs/attempts.ts'
import type { AttemptRef } from '../db/runs/attempts.ts'
import { connect, disconnect } from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { sqlState } from '../db/session/errors.ts'
import type { LostSessions } from '../db/session/lost-sessions.ts'
import { asError } from '../errors.ts'
import type { Session } from './session.ts'

export type Heartbeat = {
  /** True once the attempt is not going on for the database: it must register anew before it does anything more. */
  abandoned(): boolean
  /** True while the heart can have no connection of its own, and its last beat is older than the interval. */
  overdue(): boolean
  /** Beats on a connection that is lent to it: one of its own is wanted, and a sign of life is needed. */
  beatOn(client: Client): Promise<void>
  stop(): Promise<void>
}

export type HeartbeatOptions = {
  readonly target: Target
  readonly attempt: AttemptRef
  /** ms */
  readonly interval: number
  /** How long a server that says nothing at all is waited for, in ms. */
  readonly patience: number
  /** The sessions that do the work; one of which the server has none any more is severed. */
  readonly workers: readonly Session[]
  /** What the attempt has lost: its own connection too, when it breaks. */
  readonly lost: LostSessions
  readonly onError: (error: Error) => void
}

/**
 * Shows that an attempt is alive. On a session of its own, because a worker's may sit in one COPY for as long as
 * somebody else's lock holds it up. A beat that fails is repeated at the next one: the limit allows for twelve.
 *
 * It also looks after the workers' sessions: a connection whose packets vanish (a firewall that forgot it) never
 * reports an error to a client that waits for an answer. The server notices by its own timeouts and ends it, except in
 * a COPY; two beats that find the server's process gone, or waiting for us as we wait for it, are proof enough. So is a server that has answered nothing, here neither,
 * for as long as an outage may last: what waits there would wait without end.
 */
export function startHeartbeat({
  target,
  attempt,
  interval,
  patience,
  workers,
  lost,
  onError,
}: HeartbeatOptions): Heartbeat {
  let abandoned = false
  let stopped = false
  let missing: ReadonlySet<number> = new Set()
  let answered = performance.now()
  let beaten = performance.now()
  let client: Client | undefined
  let refused = false
  let beating: Promise<void> | undefined

  const sever = (pids: readonly number[]): void => {
    for (const pid of pids) for (const worker of workers) worker.sever(pid)
  }
  const failed = (error: unknown, pids: readonly number[]): void => {
    refused = client === undefined
    if (client !== undefined) {
      if (sqlState(error) === undefined) lost.add(client, target)
      void disconnect(client)
    }
    client = undefined
    // A refusal (too many connections) is an answer; `connect` keeps the server's as the cause.
    const refusal = sqlState(error) ?? sqlState(asError(error).cause)
    if (refusal !== undefined) answered = performance.now()
    if (performance.now() - answered > patience) sever(pids)
    if (!stopped) onError(asError(error))
  }
  const workerPids = (): number[] => workers.flatMap(({ workingPid }) => workingPid ?? [])
  const beatOn = async (session: Client): Promise<void> => {
    const gone = await beat(session, attempt, workerPids())
    answered = beaten = performance.now()
    if (gone === undefined) abandoned = true
    sever((gone ?? []).filter((pid) => missing.has(pid)))
    missing = new Set(gone)
  }
  const beatOnce = async (): Promise<void> => {
    const pids = workerPids()
    try {
      client ??= await connect({ ...target, retryFor: 0, queryTimeout: Math.max(interval, 1_000) })
      await beatOn(client)
      refused = false
    } catch (error) {
      failed(error, pids)
    }
  }
  const timer = setInterval(() => {
    beating ??= beatOnce().finally(() => {
      beating = undefined
    })
  }, interval)
  timer.unref()
  return {
    abandoned: () => abandoned,
    overdue: () => refused && performance.now() - beaten > interval,
    beatOn,
    async stop() {
      stopped = true
      clearInterval(timer)
      await beating
      if (client !== undefined) await disconnect(client)
    },
  }
}
