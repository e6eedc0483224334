/** The conditions under which a sink gets a notice of a run; `triggers.ts` defines them. */
export const TRIGGERS = ['errored', 'worse', 'recovered', 'findings', 'always'] as const
export type Trigger = (typeof TRIGGERS)[number]

/** A destination of notices with its settings resolved. Plain data that contains secrets. */
export type Sink = {
  /** Unique in a configuration; identifies the sink in the outbox. */
  readonly name: string
  readonly on: readonly Trigger[]
  /** The environments whose runs the sink gets notices of. */
  readonly environments: readonly string[]
  /** How long a notice of a failed run is delayed, in ms; a successful retry in that time cancels it. */
  readonly grace: number
  /** Timeout of one try, from name resolution to the last byte of the response, in ms. */
  readonly timeout: number
  readonly allowPrivateAddresses: boolean
  readonly transport: Transport
}

export type Webhook = {
  readonly type: 'webhook'
  readonly url: string
  /** The key of the signature of each request; see `signature.ts`. */
  readonly secret?: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** A webhook of Slack, or of a compatible service (Mattermost, Rocket.Chat, Discord with `/slack`). */
export type Slack = { readonly type: 'slack'; readonly url: string }

/** TLS modes of mail. With `starttls`, sending fails if the server does not offer it: no mail is sent unencrypted. */
export const MAIL_TLS = ['starttls', 'implicit', 'none'] as const

export type Email = {
  readonly type: 'email'
  readonly host: string
  readonly port: number
  readonly tls: (typeof MAIL_TLS)[number]
  readonly login?: { readonly user: string; readonly password: string } | undefined
  readonly from: string
  readonly to: readonly string[]
}

/** A sink whose settings cannot be resolved (a variable is not set). Its notices stay pending; runs are not affected. */
export type Unusable = { readonly type: 'unusable'; readonly kind: string; readonly problem: string }

export type Transport = Webhook | Slack | Email | Unusable

/** The sinks without delay, for failures that a retry cannot correct. */
export function withoutGrace(sinks: readonly Sink[]): Sink[] {
  return sinks.map((sink) => ({ ...sink, grace: 0 }))
}

/** The sinks of these environments, restricted to them. */
export function sinksFor(sinks: readonly Sink[], ...names: readonly string[]): Sink[] {
  return sinks.flatMap((sink) => {
    const environments = sink.environments.filter((each) => names.includes(each))
    return environments.length === 0 ? [] : [{ ...sink, environments }]
  })
}

/** The sinks of a run, and the observer of problems with them. */
export type NotifyOptions = {
  readonly notifications?: readonly Sink[] | undefined
  readonly observer?: ((event: { readonly type: 'warning'; readonly message: string }) => void) | undefined
}
