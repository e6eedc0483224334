/** The replacement of a secret. */
export const REDACTED = '***'

/** A word that may hold the login part of a URL. Words are found once each, so that the search takes linear time. */
const WORD = /\S+/g

/** A placeholder in messages that show the form of a URL; it is not a secret. */
const LOGIN_PLACEHOLDER = 'USER:PASSWORD'

/**
 * Names of secrets with their value, as libpq and many programs write them. The path of a key in a list of the
 * configuration (`notifications.0.secret: …`) and the end of a file's path (`/etc/passwd: …`) are followed by prose.
 */
const PASSWORD =
  /((?<!\.\d+\.)\b(?:password|passwd|pwd|passphrase|secret|token)["']?\s*(?:=|(?<!\/\w+):)\s*)(?:"[^"]*"|'[^']*'|[^\s&;,]+)/gi

/** The credentials of an HTTP Authorization header (RFC 9110, section 11.4). */
const AUTHORIZATION = /\b(authorization["']?\s*[=:]\s*["']?(?:basic|bearer|token)\s+)[^\s"',;]+/gi

/** The body of a private key in PEM (RFC 7468). */
const PRIVATE_KEY = /(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*/g

/**
 * Redacts secrets that are recognised by their form, in a text from any source. This program's own messages contain
 * none, but a trigger, a proxy or a library may quote its input. The time is linear in the length of the text, which
 * may be untrusted.
 */
export function redactSecrets(text: string): string {
  // Most texts contain none of these characters; the check is cheaper than the replacements.
  if (!/[@=:-]/.test(text)) return text
  return text
    .replace(WORD, withoutLogin)
    .replace(PASSWORD, `$1${REDACTED}`)
    .replace(AUTHORIZATION, `$1${REDACTED}`)
    .replace(PRIVATE_KEY, `$1${REDACTED}`)
}

/** Up to the last @, because a raw password may hold one. */
function withoutLogin(word: string): string {
  const end = word.lastIndexOf('@')
  const scheme = end < 0 ? -1 : word.indexOf('://')
  if (scheme < 0 || scheme > end) return word
  const start = scheme + '://'.length
  if (word.slice(start, end) === LOGIN_PLACEHOLDER) return word
  return `${word.slice(0, start)}${REDACTED}${word.slice(end)}`
}
