export type UrlRules = {
  /** Whether receivers in private networks are allowed, and with them http://. */
  readonly allowPrivate: boolean
  /** The setting that allows them, as a user writes it. */
  readonly allowedBy: string
  /** Where a login goes in place of the URL, if anywhere. */
  readonly loginGoesTo?: string
}

/** Why a webhook cannot be at this URL; undefined if it can. No message quotes the URL, which may be a secret. */
export function urlProblem(
  text: string,
  { allowPrivate, allowedBy, loginGoesTo }: UrlRules,
): string | undefined {
  if (/\p{Cc}/u.test(text)) return 'holds a line break or another control character: was it made by echo?'
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return 'expected a URL that begins with https://'
  if (url.username !== '' || url.password !== '') {
    return `a login does not belong into the URL${loginGoesTo === undefined ? '' : `; use ${loginGoesTo}`}`
  }
  return url.protocol === 'http:' && !allowPrivate
    ? `http:// sends in the clear; use https:// (http:// is for ${allowedBy})`
    : undefined
}
