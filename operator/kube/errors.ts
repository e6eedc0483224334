import { cutToBytes } from './truncate.ts'

/** The body of a refusal: metav1.Status, as far as it is used. */
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

/** An API server quotes what it refuses, which may be a megabyte: neither a log line nor a status holds that. */
const LONGEST_MESSAGE_BYTES = 4096

/** The API server answered, and refused; the message is its own, up to its first four kilobytes. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly status: number
  /** metav1.StatusReason: one CamelCase word; '' when something before the API server answered. */
  readonly reason: string
  readonly causes: readonly StatusCause[]
  /** Milliseconds the server asks us to wait. */
  readonly retryAfter: number | undefined

  constructor(status: number, body: StatusBody, retryAfter?: number) {
    super(cutToBytes(body.message ?? `HTTP ${status}`, LONGEST_MESSAGE_BYTES))
    this.status = status
    this.reason = body.reason ?? ''
    this.causes = body.details?.causes ?? []
    const { retryAfterSeconds } = body.details ?? {}
    this.retryAfter = retryAfter ?? (retryAfterSeconds ? retryAfterSeconds * 1000 : undefined)
  }
}

/** No answer at all: no connection, a connection that broke, or silence. Whether a write took effect is unknown. */
export class UnreachableError extends Error {
  override readonly name: string = 'UnreachableError'
}

/** The connection is there, and nothing has come for too long: half-open, or the server hangs. */
export class SilenceError extends UnreachableError {}

/** Another replica leads, or may lead by now: nothing may be written. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError'
}

/** What to do about a failed call. */
export type Failure =
  /** A person must act; `recheck`: milliseconds until it is worth asking again although our object has not changed. */
  | { readonly kind: 'terminal'; readonly message: string; readonly recheck?: number }
  /** The object has changed since it was read: read again. */
  | { readonly kind: 'conflict' }
  /** The name to be created is taken. */
  | { readonly kind: 'alreadyExists' }
  | { readonly kind: 'notFound' }
  /** The namespace is being deleted: nothing can be made in it, and nothing needs to. */
  | { readonly kind: 'namespaceTerminating' }
  /** The resource version asked for is too old: list again. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'notLeader' }
  /** The server is busy and says when to come back. */
  | { readonly kind: 'wait'; readonly after: number }
  | { readonly kind: 'transient' }

/**
 * 400: a field that the CRD passes through untyped is not one of Kubernetes', or of another type; 413: larger than the
 * API server takes; 422: validation.
 */
const USER_MUST_ACT = new Set([400, 405, 406, 413, 415, 422])

/** Missing permissions, quotas, admission policies and webhooks are put right without our object changing, and nobody tells us. */
const FORBIDDEN_RECHECK = 5 * 60_000

const LONGEST_WAIT = 5 * 60_000

/** The one place that decides what a failed call means. Whatever is not an answer is transient. */
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

/** Larger than etcd takes: the API server hands its words on as a 500, like those of an etcd that is away. */
function isTooLarge({ status, message }: KubeError): boolean {
  return status === 500 && /etcdserver: request is too large|larger than max \(\d+ vs\. \d+\)/.test(message)
}

/** By something other than the object itself. A ValidatingAdmissionPolicy answers 422 by default; only validation names fields. */
function isDenied({ status, causes }: KubeError): boolean {
  return status === 403 || (status === 422 && !causes.some(({ field = '' }) => field !== ''))
}

/** For logs and conditions: what went wrong, without the stack that only a fault of our own needs. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
