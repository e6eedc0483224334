import type { Logger } from 'pino'
import { errorMessage } from '../kube/errors.ts'
import type { Failure } from '../kube/errors.ts'
import type { CronJobWrite } from '../plan/inputs/live-reads.ts'

/** What a write that failed leads to. */
export type Consequence =
  /** The plan has to know: it goes into the status. */
  | { readonly kind: 'learn'; readonly write: CronJobWrite }
  /** The name is taken: look whose it is. */
  | { readonly kind: 'look' }
  /** What was planned from is out of date: the watch will tell, or has told already. Until then, as `backOff`. */
  | { readonly kind: 'stale' }
  /** Later, each time later still; not before `atLeast`. */
  | { readonly kind: 'backOff'; readonly atLeast: number }
  /** Nothing to be done, or not by this replica. */
  | { readonly kind: 'drop' }

/** A failure that lasts has to be told: a webhook that is down answers each write with 500, for hours. */
const REPORT_AFTER = 3

/**
 * Error kinds to behaviour, for the writes that make or change an object. `now`: milliseconds since the epoch; `failures`:
 * attempts in a row that came to nothing before this one.
 */
export function consequenceOf(failure: Failure, message: string, now: number, failures = 0): Consequence {
  switch (failure.kind) {
    case 'terminal':
      return { kind: 'learn', write: refusal(message, failure.recheck, now) }
    case 'namespaceTerminating':
      return { kind: 'learn', write: { kind: 'namespaceTerminating' } }
    case 'alreadyExists':
      return { kind: 'look' }
    case 'conflict':
    case 'notFound':
      return { kind: 'stale' }
    case 'wait':
      return { kind: 'backOff', atLeast: failure.after }
    case 'expired':
    case 'transient':
      return failures < REPORT_AFTER
        ? { kind: 'backOff', atLeast: 0 }
        : { kind: 'learn', write: { kind: 'failing', message } }
    case 'notLeader':
      return { kind: 'drop' }
  }
}

function refusal(message: string, recheck: number | undefined, now: number): CronJobWrite {
  return recheck === undefined
    ? { kind: 'refused', message }
    : { kind: 'forbidden', message, recheckAt: now + recheck }
}

export function logFailure(log: Logger, key: string, error: unknown, { kind }: Consequence): void {
  const fields = { schedule: key, reason: errorMessage(error) }
  if (kind === 'backOff' || kind === 'learn') log.warn(fields, 'trying again later')
  else log.debug(fields, 'read something out of date')
}
