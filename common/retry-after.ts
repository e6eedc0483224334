/**
 * The wait that a Retry-After header asks for, in ms: a number of seconds or an HTTP date (RFC 9110, 10.2.3), which is
 * compared with `now`. A date in the past is 0. Undefined for no header and for anything else. Callers limit the wait.
 */
export function parseRetryAfter(header: string | undefined, now: Date): number | undefined {
  const text = header?.trim() ?? ''
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000
  // Date.parse reads much more than dates of HTTP, which are in GMT and end with it.
  const time = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? undefined : Math.max(time - now.getTime(), 0)
}
