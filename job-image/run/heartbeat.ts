import type { Client } from 'pg'
import { recordHeartbeat } from '../db/runs/attempts.ts'
import type { AttemptRef } from '../db/runs/attempts.ts'
import { connect, disconnect } from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { sqlState } from '../db/session/errors.ts'
import type { LostSessions } from '../db/session/lost-sessions.ts'
import { asError } from '../errors.ts'
import type { Session } from './session.ts'

export type Heartbeat = {
  /** True once the database no longer has the attempt as active: it must register again before it continues. */
  abandoned(): boolean
  /** True while the heartbeat gets no connection of its own, and the last one was sent more than `interval` ago. */
  overdue(): boolean
  /** Sends a heartbeat on the connection of a worker. */
  sendOn(client: Client): Promise<void>
  stop(): Promise<void>
}

export type HeartbeatOptions = {
  readonly target: Target
  readonly attempt: AttemptRef
  /** ms */
  readonly interval: number
  /** How long the server may be silent before the connections of the workers are closed, in ms. */
  readonly outage: number
  /** The sessions that process batches. A connection that has no process on the server is closed. */
  readonly workers: readonly Session[]
  /** The lost sessions of the attempt; the heartbeat adds its own connection when that breaks. */
  readonly lost: LostSessions
  readonly onError: (error: Error) => void
}

/**
 * Sends the heartbeats of an attempt. It uses a session of its own, because the lock of another client may block a
 * worker's session in one COPY for a long time. A failed heartbeat is not retried before the next one is due; with the
 * default limits, an attempt counts as dead after twelve missed ones. It also watches the workers' sessions.
 */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { target, attempt, interval, lost, onError } = options
  const watch = watchSessions(options.workers, options.outage)
  let abandoned = false
  let stopped = false
  let lastSent = performance.now()
  let client: Client | undefined
  let refused = false
  let sending: Promise<void> | undefined

  const failed = (error: unknown, pids: readonly number[]): void => {
    refused = client === undefined
    if (client !== undefined) {
      if (sqlState(error) === undefined) lost.add(client, target)
      void disconnect(client)
    }
    client = undefined
    // A refusal (too many connections) is an answer; `connect` keeps the server's error as the cause.
    const refusal = sqlState(error) ?? sqlState(asError(error).cause)
    if (refusal === undefined) watch.unanswered(pids)
    else watch.refused()
    if (!stopped) onError(asError(error))
  }
  const sendOn = async (session: Client): Promise<void> => {
    const gone = await recordHeartbeat(session, attempt, watch.pids())
    lastSent = performance.now()
    if (gone === undefined) abandoned = true
    watch.answered(gone ?? [])
  }
  const send = async (): Promise<void> => {
    const pids = watch.pids()
    try {
      client ??= await connect({ ...target, retryFor: 0, queryTimeout: Math.max(interval, 1_000) })
      await sendOn(client)
      refused = false
    } catch (error) {
      failed(error, pids)
    }
  }
  const timer = setInterval(() => {
    sending ??= send().finally(() => {
      sending = undefined
    })
  }, interval)
  timer.unref()
  return {
    abandoned: () => abandoned,
    overdue: () => refused && performance.now() - lastSent > interval,
    sendOn,
    async stop() {
      stopped = true
      clearInterval(timer)
      await sending
      if (client !== undefined) await disconnect(client)
    },
  }
}

type SessionWatch = {
  /** The server processes of the sessions that work now. */
  pids(): number[]
  /** The server has answered: these processes are gone, or wait for the client. */
  answered(gone: readonly number[]): void
  /** The server has refused a connection, which is an answer too, but says nothing about the sessions. */
  refused(): void
  /** The server has not answered; `pids` worked when the heartbeat was due. */
  unanswered(pids: readonly number[]): void
}

/**
 * Closes the connections of workers that would wait forever. A connection whose packets are dropped (by a firewall that
 * lost its state) never reports an error to a client that waits for an answer. The server ends it by its own timeouts,
 * except in a COPY. A connection is closed if two heartbeats in a row find that its server process is gone, or that it
 * waits for the client too. All are closed if the server has not answered for the length of an outage.
 */
function watchSessions(workers: readonly Session[], outage: number): SessionWatch {
  let missing: ReadonlySet<number> = new Set()
  let lastAnswer = performance.now()
  const sever = (pids: readonly number[]): void => {
    for (const pid of pids) for (const worker of workers) worker.sever(pid)
  }
  return {
    pids: () => workers.flatMap(({ workingPid }) => workingPid ?? []),
    answered(gone) {
      lastAnswer = performance.now()
      sever(gone.filter((pid) => missing.has(pid)))
      missing = new Set(gone)
    },
    refused() {
      lastAnswer = performance.now()
    },
    unanswered(pids) {
      if (performance.now() - lastAnswer > outage) sever(pids)
    },
  }
}
