import type { Dispatcher } from 'undici'
import { parseRetryAfter } from '../../common/retry-after.ts'
import { KubeError, SilenceError, UnreachableError } from './errors.ts'
import type { StatusBody } from './errors.ts'

/** A refusal's body is quoted in logs and conditions: a proxy's error page must not fill them. */
const LONGEST_FOREIGN_TEXT = 300

/** undici's codes for headers or a body that do not come. */
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

/** What a status other than 2xx says. */
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
  return text.slice(0, LONGEST_FOREIGN_TEXT).replaceAll(/\s+/g, ' ')
}

/** What is thrown when there is no answer, by whatever the connection failed with. */
export function unreachable(method: string, path: string, cause: unknown): UnreachableError {
  const words = cause instanceof Error ? cause.message : String(cause)
  const silent = cause instanceof SilenceError || SILENCE.has((cause as { code?: unknown } | null)?.code)
  const kind = silent ? SilenceError : UnreachableError
  return new kind(`${method} ${path}: ${words}`, { cause })
}
