import type { Logger } from 'pino'
import { errorMessage } from '../kube/errors.ts'
import type { Failure } from '../kube/errors.ts'
import type { CronJobWrite } from '../plan/inputs/live-reads.ts'

/** What to do after a failed write. */
export type Consequence =
  /** The next plan needs the outcome, because it goes into the status. */
  | { readonly kind: 'learn'; readonly write: CronJobWrite }
  /** The name is taken: read the object to find its owner. */
  | { readonly kind: 'look' }
  /** The cache is out of date, and its watch delivers the change. Until then, as `backOff`. */
  | { readonly kind: 'stale' }
  /** Retry with exponential backoff; not before `atLeast` milliseconds have passed. */
  | { readonly kind: 'backOff'; readonly atLeast: number }
  /** There is nothing to do, or not for this replica. */
  | { readonly kind: 'drop' }

/**
 * After this many failures the error is reported in the status: a webhook that is down answers each write with 500
 * for hours.
 */
const REPORT_AFTER = 3

/**
 * Maps the kind of an error to behaviour, for writes that create or change an object. `now`: milliseconds since the
 * epoch; `failures`: consecutive failed attempts before this one.
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
  if (kind === 'backOff' || kind === 'learn') log.warn(fields, 'retrying after backoff')
  else log.debug(fields, 'the cache was out of date')
}
