import { beat } from '../db/attempts.ts'
import { connect, disconnect } from '../db/client.ts'
import type { Target } from '../db/client.ts'
import { asError } from '../errors.ts'

export type Heartbeat = {
  /** True once a peer has declared this attempt abandoned: it must register anew before it goes on. */
  abandoned(): boolean
  stop(): Promise<void>
}

/**
 * Shows that an attempt is alive. On a session of its own, because the worker's may sit in one COPY for as long as
 * somebody else's lock holds it up. A beat that fails is repeated at the next one: the limit allows for twelve.
 */
export function startHeartbeat(
  target: Target,
  runId: number,
  attempt: number,
  interval: number,
  onError: (error: Error) => void,
): Heartbeat {
  let abandoned = false
  let stopped = false
  let client: Awaited<ReturnType<typeof connect>> | undefined
  let beating: Promise<void> = Promise.resolve()

  const beatOnce = async (): Promise<void> => {
    try {
      client ??= await connect({ ...target, retryFor: 0 })
      abandoned ||= !(await beat(client, runId, attempt))
    } catch (error) {
      if (client !== undefined) await disconnect(client)
      client = undefined
      if (!stopped) onError(asError(error))
    }
  }
  let pending = false
  const timer = setInterval(() => {
    if (pending) return
    pending = true
    beating = beatOnce().finally(() => {
      pending = false
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
