/** What stands in a secret's place. */
export const REDACTED = '***'

/** Login parts of URLs; up to the last @, because a raw password may hold one. */
const LOGIN = /(\b[a-z][a-z0-9+.-]*:\/\/)\S*@/gi

/**
 * Words that name nothing but secrets, with their value: as libpq and many programs write it. Not the path of a key in a
 * list of the configuration (`notifications.0.secret: …`): what follows it are words of ours.
 */
const PASSWORD =
  /((?<!\.\d+\.)\b(?:password|passwd|pwd|passphrase|secret|token)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s&;,]+)/gi

/**
 * A text of whatever origin, such as an error's message, without the secrets that can be told by their form. What is
 * written here is written without secrets anyway; but a trigger, a proxy or a library may quote what it was given.
 */
export function redactSecrets(text: string): string {
  // Most texts hold neither; the look costs less than two replacements.
  if (!text.includes('@') && !/[=:]/.test(text)) return text
  return text.replace(LOGIN, `$1${REDACTED}@`).replace(PASSWORD, `$1${REDACTED}`)
}
