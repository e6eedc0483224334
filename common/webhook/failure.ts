import { asError } from '../as-error.ts'

/**
 * A delivery that did not reach its sink, or was refused. The message is stored and shown: it contains only texts of
 * our own, a host and codes, never the other side's text or a URL's path.
 */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  /** Retry-After of the sink, in ms. */
  readonly retryAfter: number | undefined

  constructor(message: string, options: ErrorOptions & { readonly retryAfter?: number | undefined } = {}) {
    super(message, options)
    this.retryAfter = options.retryAfter
  }
}

/** Explanations of codes of the system, of TLS and of DNS. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
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

/** The error for `host` by its code alone: the message of such an error may quote the other side. */
export function unreachable(host: string, thrown: unknown): DeliveryError {
  if (thrown instanceof DeliveryError) return thrown
  const error = asError(thrown)
  const codes = error instanceof AggregateError ? error.errors.map(codeOf) : [codeOf(error)]
  const texts = [...new Set(codes.map((code) => EXPLANATIONS[code] ?? `failed (${code})`))]
  return new DeliveryError(`${host}: ${texts.join('; ')}`, { cause: thrown })
}

function codeOf(thrown: unknown): string {
  const { code, name } = asError(thrown) as NodeJS.ErrnoException
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : name
}

/** Returns the result of `work`; throws a DeliveryError after `timeout` ms or on abort. */
export async function withinTime<T>(
  host: string,
  timeout: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // AbortSignal.timeout does not keep the process alive, which would then end without a result if only a silent
  // connection is open.
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
  // A late rejection is ignored.
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
