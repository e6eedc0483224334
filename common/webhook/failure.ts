import { asError } from '../as-error.ts'

/**
 * A try that did not reach its receiver, or that the receiver did not take. The message is stored and shown: it is made
 * of our own words, a host and codes, never of what the other side sent or of a URL's path.
 */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  /** How long the receiver asked to be left alone, in ms. */
  readonly retryAfter: number | undefined

  constructor(message: string, options: ErrorOptions & { readonly retryAfter?: number | undefined } = {}) {
    super(message, options)
    this.retryAfter = options.retryAfter
  }
}

/** What codes of the system, of TLS and of DNS mean to somebody who has to mend it. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection before its answer was whole',
  EPIPE: 'closed the connection before its answer was whole',
  ENOTFOUND: 'there is no such name in DNS',
  EAI_AGAIN: 'its name cannot be looked up now: DNS does not answer',
  ETIMEDOUT: 'cannot be reached: the connection timed out',
  EHOSTUNREACH: 'cannot be reached: there is no route to it',
  ENETUNREACH: 'cannot be reached: there is no route to it',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted; NODE_EXTRA_CA_CERTS can name its authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted; NODE_EXTRA_CA_CERTS can name its authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is not trusted; NODE_EXTRA_CA_CERTS can name its authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is not trusted; NODE_EXTRA_CA_CERTS can name its authority',
}

/** What went wrong with `host`, by the code alone: the message of such an error may quote the other side. */
export function unreachable(host: string, thrown: unknown): DeliveryError {
  if (thrown instanceof DeliveryError) return thrown
  const error = asError(thrown)
  const codes = error instanceof AggregateError ? error.errors.map(codeOf) : [codeOf(error)]
  const words = [...new Set(codes.map((code) => WORDS[code] ?? `failed (${code})`))]
  return new DeliveryError(`${host}: ${words.join('; ')}`, { cause: thrown })
}

function codeOf(thrown: unknown): string {
  const { code, name } = asError(thrown) as NodeJS.ErrnoException
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : name
}

/** The result of `work`, or a DeliveryError once `timeout` ms have passed or the signal is aborted. */
export async function withinTime<T>(
  host: string,
  timeout: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Not AbortSignal.timeout: its timer does not keep the process alive, which would end without a result when the
  // connection has gone silently and nothing else is open.
  const overdue = new AbortController()
  const limit = overdue.signal
  const timer = setTimeout(() => overdue.abort(), timeout)
  const either = signal === undefined ? limit : AbortSignal.any([limit, signal])
  let onAbort: (() => void) | undefined
  const ended = new Promise<never>((_, reject) => {
    onAbort = () => {
      const why = limit.aborted
        ? `did not answer within ${timeout / 1000} s`
        : 'was not waited for any longer'
      reject(new DeliveryError(`${host}: ${why}`))
    }
    if (either.aborted) onAbort()
    else either.addEventListener('abort', onAbort, { once: true })
  })
  const working = work(either)
  // What it says after the time is up interests nobody.
  working.catch(() => undefined)
  try {
    return await Promise.race([ended, working])
  } catch (thrown) {
    throw unreachable(host, thrown)
  } finally {
    clearTimeout(timer)
    if (onAbort !== undefined) either.removeEventListener('abort', onAbort)
  }
}
