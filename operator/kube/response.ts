import type { Dispatcher } from 'undici'
import { parseRetryAfter } from '../../common/retry-after.ts'
import { truncate } from '../../common/text.ts'
import { KubeError, SilenceError, UnreachableError, errorMessage } from './errors.ts'
import type { StatusBody } from './errors.ts'

/** Error bodies are quoted in logs and conditions: a proxy's error page must not fill them. */
const LONGEST_FOREIGN_TEXT = 300

/** undici's codes for timeouts of headers and body. */
const SILENCE = new Set<unknown>(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

export async function parseAnswer<T>(
  body: Dispatcher.ResponseData['body'],
  method: string,
  path: string,
): Promise<T> {
  const text = await body.text().catch((error: unknown) => {
    throw unreachable(method, path, error)
  })
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new UnreachableError(`${method} ${path}: the answer is not JSON: ${excerpt(text)}`, {
      cause: error,
    })
  }
}

/** Converts a response outside of 2xx to an error. */
export async function refusal(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  method: string,
  path: string,
): Promise<KubeError> {
  const text = await body.text().catch(() => '')
  const retryAfter = headers['retry-after']
  return new KubeError(
    statusCode,
    statusIn(text) ?? { message: `${method} ${path}: HTTP ${statusCode} ${excerpt(text)}`.trimEnd() },
    parseRetryAfter(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, new Date()),
  )
}

function statusIn(text: string): StatusBody | undefined {
  try {
    const body = JSON.parse(text) as (StatusBody & { kind?: unknown }) | null
    return body?.kind === 'Status' ? body : undefined
  } catch {
    return undefined
  }
}

function excerpt(text: string): string {
  return truncate(text.replaceAll(/\s+/g, ' '), LONGEST_FOREIGN_TEXT)
}

/** The error for a call without a response, by the error of the connection. */
export function unreachable(method: string, path: string, cause: unknown): UnreachableError {
  const silent = cause instanceof SilenceError || SILENCE.has((cause as { code?: unknown } | null)?.code)
  const kind = silent ? SilenceError : UnreachableError
  return new kind(`${method} ${path}: ${errorMessage(cause)}`, { cause })
}
