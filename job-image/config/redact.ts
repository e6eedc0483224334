import { REDACTED, redactSecrets } from '../../common/logging/redact.ts'

export { REDACTED }

/** Keys whose value is taken for a secret. Rather one harmless value hidden than one password shown. */
const SECRET_KEY =
  /passw|passphrase|pwd|secret|token|credential|private|signature|auth(?!or(?!i[sz]))|bearer|cookie|hook|key|dsn|connection[_-]?string|(^|[^a-z])(pass|pats?|pins?|sas|sig|otp|jwt)([^a-z]|$)/i

/** Splits `adminPin` and `GH_PAT` into words, too. */
function isSecretName(name: string): boolean {
  return SECRET_KEY.test(name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2'))
}

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
  if (Array.isArray(value)) {
    return value.map((each, index) => (isSecretFlag(value[index - 1]) ? redactSecret(each) : redact(each)))
  }
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
  // A variable or a header as Kubernetes writes it: {name: GH_TOKEN, value: …}.
  const isSecretPair = members.some(
    ([key, member]) => key === 'name' && typeof member === 'string' && isSecretName(member),
  )
  return Object.fromEntries(
    members.map(([key, member]) => [
      key,
      isSecretName(key) || (isSecretPair && key === 'value') ? redactSecret(member) : redact(member),
    ]),
  )
}

/** `--password`, in a list of arguments: the next one is the secret. */
function isSecretFlag(value: unknown): boolean {
  return typeof value === 'string' && /^--?[\w-]+$/.test(value) && isSecretName(value)
}

function redactSecret(value: unknown): unknown {
  if (value === null || value === '') return value
  return typeof value === 'string' && PLAIN_REFERENCE.test(value) ? value : REDACTED
}

/** A name followed by its value. It starts at the start of a name, so that each name is read once: linear time. */
const NAMED_VALUE = /(?<![\w-])([\w-]+)(\s*(?:=|:(?!\/\/))\s*)[^\s&;,]+/g

/** The path of a web hook is its secret: hooks.slack.com/services/…, discord.com/api/webhooks/…. */
const WEB_HOOK = /\b(https?:\/\/[^\s/]+\/)\S+/gi

const BEARER = /\b(bearer\s+)[\w.~+/=-]+/gi

/** Tokens that can be recognised by their beginning: of GitHub, GitLab, Slack and AWS, and JSON Web Tokens. */
const TOKEN = /\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AKIA|ASIA|eyJ)[\w.-]+/g

/** The beginning of `${NAME:-default}` up to the end of a piece of text without `}`. */
const REFERENCE_WITH_DEFAULT = /(\$\{\w+:-)[^]*$/

/** Secrets that are recognised by their form in any text, and `name=value` pairs with the name of a secret. */
function redactText(text: string): string {
  const named = redactSecrets(text)
    .replace(WEB_HOOK, (url, place: string) => (/hook/i.test(url) ? `${place}${REDACTED}` : url))
    .replace(BEARER, `$1${REDACTED}`)
    .replace(TOKEN, REDACTED)
    .replace(NAMED_VALUE, (pair, name: string, mark: string) =>
      isSecretName(name) ? `${name}${mark}${REDACTED}` : pair,
    )
  const pieces = named.split('}')
  const last = pieces.pop() ?? ''
  return [...pieces.map((piece) => piece.replace(REFERENCE_WITH_DEFAULT, `$1${REDACTED}`)), last].join('}')
}
