import { isOutage } from '../db/session/errors.ts'
import { asError } from '../errors.ts'
import type { Session } from './session.ts'

/** Work that is done in several lanes at once. A lane is a loop of steps on one database session. */
export type LaneWork = {
  readonly sessions: readonly Session[]
  /** Does one piece of work; returns false if there was none. Once `idle` is aborted, it does not wait for a connection. */
  readonly step: (session: Session, idle: AbortSignal) => Promise<boolean>
  /** Called before each step; false ends the lane. */
  readonly mayContinue: () => boolean
  /** Called for a lane that ended without a connection while others worked. */
  readonly onMissing: (error: Error) => void
}

/**
 * Runs steps in all sessions concurrently until one finds no work, and resolves when all lanes have ended: none may
 * outlive its caller.
 *
 * One connection is required, the others are optional. A lane that gets none, for the length of an outage or until the
 * others are done, ends without an error unless all lanes lack one. Any other error ends every lane.
 */
export async function runLanes({ sessions, step, mayContinue, onMissing }: LaneWork): Promise<void> {
  const idle = new AbortController()
  let broken = false
  const open = (): boolean => !broken && mayContinue()
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
  const fatal = errors.find((error) => !isOutage(error))
  if (fatal !== undefined) throw fatal
  if (errors.length === sessions.length && errors[0] !== undefined) throw errors[0]
  for (const error of errors) onMissing(error)
}
