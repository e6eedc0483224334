import { REDACTED, redactSecrets } from '../../logging/redact.ts'

export { REDACTED }

/** Keys whose value is taken for a secret. Rather one harmless value hidden than one password shown. */
const SECRET_KEY =
  /passw|passphrase|pwd|secret|token|credential|private|signature|auth(?!or)|bearer|cookie|hook|key|dsn|connection[_-]?string|(^|[^a-z])(pass|pat|pin|sas)([^a-z]|$)/i

/** `${NAME}` by itself says where a secret comes from, not what it is. (A default after `:-` may be one.) */
const PLAIN_REFERENCE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/

/** Parameters of a database URL that say nothing that could be secret. */
const OPEN_PARAMETERS = new Set(['host', 'port', 'sslmode', 'target_session_attrs'])

/** A database URL, as `parseDatabaseUrl` returns it, without its password. */
export function redactDatabaseUrl(text: string): string {
  const { username, password, host, pathname, searchParams } = new URL(text)
  const user = username === '' && password === '' ? '' : `${username}${password && `:${REDACTED}`}@`
  const parameters = [...searchParams].map(
    ([name, value]) => `${name}=${OPEN_PARAMETERS.has(name) ? encodeURIComponent(value) : REDACTED}`,
  )
  const query = parameters.length === 0 ? '' : `?${parameters.join('&')}`
  return `postgresql://${user}${host}${pathname}${query}`
}

/** A copy of a value of the configuration without secrets: by the names of its keys, and in texts by their form. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value)
  if (Array.isArray(value)) return value.map(redact)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      SECRET_KEY.test(key) ? redactSecret(member) : redact(member),
    ]),
  )
}

function redactSecret(value: unknown): unknown {
  if (value === null || value === '') return value
  return typeof value === 'string' && PLAIN_REFERENCE.test(value) ? value : REDACTED
}

/** A name followed by its value. It begins where no name goes on, so that each name is read once: linear time. */
const NAMED_VALUE = /(?<![\w-])([\w-]+)(\s*[=:]\s*)[^\s&;,]+/g
const SECRET_NAME = /passw|pwd|secret|token|key|sig/i

/** The beginning of `${NAME:-default}` up to the end of a piece of text without `}`. */
const REFERENCE_WITH_DEFAULT = /(\$\{\w+:-)[^]*$/

/** Secrets that are recognised by their form in any text, and `name=value` pairs with the name of a secret. */
function redactText(text: string): string {
  const named = redactSecrets(text).replace(NAMED_VALUE, (pair, name: string, mark: string) =>
    SECRET_NAME.test(name) ? `${name}${mark}${REDACTED}` : pair,
  )
  const pieces = named.split('}')
  const last = pieces.pop() ?? ''
  return [...pieces.map((piece) => piece.replace(REFERENCE_WITH_DEFAULT, `$1${REDACTED}`)), last].join('}')
}
