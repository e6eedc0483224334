import { beat } from '../db/attempts.ts'
import type { AttemptRef } from '../db/attempts.ts'
import { connect, disconnect } from '../db/client.ts'
import type { Target } from '../db/client.ts'
import { sqlState } from '../db/errors.ts'
import { asError } from '../errors.ts'
import type { Session } from './session.ts'

export type Heartbeat = {
  /** True once the attempt is not going on for the database: it must register anew before it does anything more. */
  abandoned(): boolean
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
  readonly onError: (error: Error) => void
}

/**
 * Shows that an attempt is alive. On a session of its own, because a worker's may sit in one COPY for as long as
 * somebody else's lock holds it up. A beat that fails is repeated at the next one: the limit allows for twelve.
 *
 * It also looks after the workers' sessions: a connection whose packets vanish (a firewall that forgot it) never
 * reports an error to a client that waits for an answer. The server notices by its own timeouts and ends it; two
 * beats that find the server's process gone are proof enough. So is a server that has answered nothing, here neither,
 * for as long as an outage may last: what waits there would wait without end.
 */
export function startHeartbeat({
  target,
  attempt,
  interval,
  patience,
  workers,
  onError,
}: HeartbeatOptions): Heartbeat {
  let abandoned = false
  let stopped = false
  let missing: ReadonlySet<number> = new Set()
  let answered = performance.now()
  let client: Awaited<ReturnType<typeof connect>> | undefined
  let beating: Promise<void> | undefined

  const sever = (pids: readonly number[]): void => {
    for (const pid of pids) for (const worker of workers) worker.sever(pid)
  }
  const failed = (error: unknown, pids: readonly number[]): void => {
    if (client !== undefined) void disconnect(client)
    client = undefined
    // A refusal (too many connections) is an answer; `connect` keeps the server's as the cause.
    const refusal = sqlState(error) ?? sqlState(asError(error).cause)
    if (refusal !== undefined) answered = performance.now()
    if (performance.now() - answered > patience) sever(pids)
    if (!stopped) onError(asError(error))
  }
  const beatOnce = async (): Promise<void> => {
    const pids = workers.flatMap(({ backendPid }) => backendPid ?? [])
    try {
      client ??= await connect({ ...target, retryFor: 0, queryTimeout: Math.max(interval, 1_000) })
      const gone = await beat(client, attempt, pids)
      answered = performance.now()
      if (gone === undefined) abandoned = true
      sever((gone ?? []).filter((pid) => missing.has(pid)))
      missing = new Set(gone)
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
    async stop() {
      stopped = true
      clearInterval(timer)
      await beating
      if (client !== undefined) await disconnect(client)
    },
  }
}
