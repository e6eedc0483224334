import { isOutage } from '../db/session/errors.ts'
import { asError } from '../errors.ts'
import type { Session } from './session.ts'

/** Work that goes on in several sessions at once. */
export type LaneWork = {
  readonly sessions: readonly Session[]
  /** One piece of work; false: there is nothing more to do. Once `idle` is aborted no connection is waited for. */
  readonly step: (session: Session, idle: AbortSignal) => Promise<boolean>
  /** Asked before each step. */
  readonly goesOn: () => boolean
  /** Called for a lane that ended without a connection while others worked on. */
  readonly onMissing: (error: Error) => void
}

/**
 * Takes steps in all sessions side by side until one finds nothing more to do, and resolves when all have ended: a lane
 * left alone would go on in what its caller has left.
 *
 * Only one connection is needed, the others are wanted: a lane that gets none, for as long as an outage may last or
 * until the others are done, just ends. It is a failure only of all lanes together. Any other error ends every lane.
 */
export async function runLanes({ sessions, step, goesOn, onMissing }: LaneWork): Promise<void> {
  const idle = new AbortController()
  let broken = false
  const open = (): boolean => !broken && goesOn()
  const lane = async (session: Session): Promise<void> => {
    try {
      let more = true
      while (more && open()) more = await step(session, idle.signal)
      idle.abort()
    } catch (error) {
      if (!isOutage(error)) {
        broken = true
        idle.abort()
      } else if (idle.signal.aborted) return
      throw error
    }
  }
  const ends = await Promise.allSettled(sessions.map(lane))
  const errors = ends.flatMap((end) => (end.status === 'rejected' ? [asError(end.reason)] : []))
  const fault = errors.find((error) => !isOutage(error))
  if (fault !== undefined) throw fault
  if (errors.length === sessions.length && errors[0] !== undefined) throw errors[0]
  for (const error of errors) onMissing(error)
}
