import { asError } from '../../common/as-error.ts'
import { truncateToBytes } from '../../common/text.ts'

/** The body of an error response: metav1.Status, as far as it is used. */
export type StatusBody = {
  readonly message?: string
  readonly reason?: string
  readonly code?: number
  readonly details?: {
    readonly causes?: readonly StatusCause[]
    readonly retryAfterSeconds?: number
  }
}

export type StatusCause = { readonly reason?: string; readonly message?: string; readonly field?: string }

/** An API server quotes the refused object, which may be a megabyte: too long for a log line or a status. */
const LONGEST_MESSAGE_BYTES = 4096

/** An error response of the API server; the message is its own, truncated to four kilobytes. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly status: number
  /** metav1.StatusReason in CamelCase; '' if a proxy in front of the API server answered. */
  readonly reason: string
  readonly causes: readonly StatusCause[]
  /** The server's Retry-After in milliseconds. */
  readonly retryAfter: number | undefined

  constructor(status: number, body: StatusBody, retryAfter?: number) {
    super(truncateToBytes(body.message ?? `HTTP ${status}`, LONGEST_MESSAGE_BYTES))
    this.status = status
    this.reason = body.reason ?? ''
    this.causes = body.details?.causes ?? []
    const { retryAfterSeconds } = body.details ?? {}
    this.retryAfter = retryAfter ?? (retryAfterSeconds ? retryAfterSeconds * 1000 : undefined)
  }
}

/** No response: the connection failed, broke or timed out. Whether a write took effect is unknown. */
export class UnreachableError extends Error {
  override readonly name: string = 'UnreachableError'
}

/** The connection exists, but nothing was received for too long: it is half-open, or the server hangs. */
export class SilenceError extends UnreachableError {}

/** Another replica leads, or may lead by now, so nothing may be written. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError'
}

/** The kind of a failed call, by what can be done about it. */
export type Failure =
  /** A user must act. `recheck`: milliseconds until a retry is worthwhile although the object has not changed. */
  | { readonly kind: 'terminal'; readonly message: string; readonly recheck?: number }
  /** The object has changed since it was read. */
  | { readonly kind: 'conflict' }
  /** An object of this name exists. */
  | { readonly kind: 'alreadyExists' }
  | { readonly kind: 'notFound' }
  /** The namespace is being deleted: nothing can be created in it. */
  | { readonly kind: 'namespaceTerminating' }
  /** The requested resource version is too old: a new list is needed. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'notLeader' }
  /** The server is overloaded and names the delay (milliseconds). */
  | { readonly kind: 'wait'; readonly after: number }
  | { readonly kind: 'transient' }

/**
 * 400: a field that the CRD does not type is unknown to Kubernetes or has the wrong type; 413: the object is larger
 * than the API server accepts; 422: validation failed.
 */
const USER_MUST_ACT = new Set([400, 405, 406, 413, 415, 422])

/**
 * Permissions, quotas, admission policies and webhooks change without a change of the object and without a watch
 * event.
 */
const FORBIDDEN_RECHECK = 5 * 60_000

const LONGEST_WAIT = 5 * 60_000

/** Classifies the error of a call. An error without a response is transient. */
export function failureOf(error: unknown): Failure {
  if (error instanceof NotLeaderError) return { kind: 'notLeader' }
  if (!(error instanceof KubeError)) return { kind: 'transient' }
  const { status, reason, message } = error
  if (status === 409) return { kind: reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict' }
  if (status === 404) return { kind: 'notFound' }
  if (status === 410) return { kind: 'expired' }
  if (error.causes.some((cause) => cause.reason === 'NamespaceTerminating')) {
    return { kind: 'namespaceTerminating' }
  }
  if (isDenied(error)) return { kind: 'terminal', message, recheck: FORBIDDEN_RECHECK }
  if (USER_MUST_ACT.has(status) || isTooLarge(error)) return { kind: 'terminal', message }
  if (error.retryAfter !== undefined) return { kind: 'wait', after: Math.min(error.retryAfter, LONGEST_WAIT) }
  return { kind: 'transient' }
}

/**
 * The object is larger than etcd accepts. The API server passes etcd's message on as a 500, like those of an
 * unavailable etcd.
 */
function isTooLarge({ status, message }: KubeError): boolean {
  return status === 500 && /etcdserver: request is too large|larger than max \(\d+ vs\. \d+\)/.test(message)
}

/**
 * True if the refusal is not about the object itself. A ValidatingAdmissionPolicy answers 422 by default; only
 * validation names fields.
 */
function isDenied({ status, causes }: KubeError): boolean {
  return status === 403 || (status === 422 && !causes.some(({ field = '' }) => field !== ''))
}

/** The message of an error for logs and conditions, without the stack. */
export function errorMessage(error: unknown): string {
  return asError(error).message
}
