/** What stands in a secret's place. */
export const REDACTED = '***'

/** A word that may hold the login part of a URL. Words are found once each, so that the search takes linear time. */
const WORD = /\S+/g

/** Stands in messages that show how a URL is written, and is no login. */
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
 * A text from any source, such as an error's message, without the secrets that are recognised by their form. This
 * program's own messages hold none; but a trigger, a proxy or a library may quote what it was given. Takes time in
 * proportion to the length of the text, because the text may be somebody else's.
 */
export function redactSecrets(text: string): string {
  // Most texts hold none of these characters; the look costs less than the replacements.
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
