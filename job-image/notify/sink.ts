/** When a sink wants to hear of a run; what each means stands in `triggers.ts`. */
export const TRIGGERS = ['errored', 'worse', 'recovered', 'findings', 'always'] as const
export type Trigger = (typeof TRIGGERS)[number]

/** Somewhere that notices of runs are sent to, ready to be used. Plain data, with secrets in it. */
export type Sink = {
  /** Unique in a configuration; the outbox knows a sink by it. */
  readonly name: string
  readonly on: readonly Trigger[]
  /** Of which it wants to hear. */
  readonly environments: readonly string[]
  /** How long a notice of a failed run waits for a retry that makes it untrue, in ms. */
  readonly grace: number
  /** For one try, from the look-up of the name to the last byte of the answer, in ms. */
  readonly timeout: number
  readonly allowPrivateAddresses: boolean
  readonly receiver: Receiver
}

export type Webhook = {
  readonly type: 'webhook'
  readonly url: string
  /** Signs each request; see `signature.ts`. */
  readonly secret?: string
  readonly headers: Readonly<Record<string, string>>
}

/** Slack, or what takes the same (Mattermost, Rocket.Chat, Discord with `/slack`). */
export type Slack = { readonly type: 'slack'; readonly url: string }

/** `starttls` is refused by a server that does not offer it: nothing goes out in the clear by mistake. */
export const MAIL_TLS = ['starttls', 'implicit', 'none'] as const

export type Email = {
  readonly type: 'email'
  readonly host: string
  readonly port: number
  readonly tls: (typeof MAIL_TLS)[number]
  readonly login?: { readonly user: string; readonly password: string }
  readonly from: string
  readonly to: readonly string[]
}

/** Its settings cannot be used here and now (a variable is not set). Its notices wait; no run does. */
export type Unusable = { readonly type: 'unusable'; readonly kind: string; readonly fault: string }

export type Receiver = Webhook | Slack | Email | Unusable

/** For sinks of a failure that no retry will mend: nobody has to wait for one. */
export function withoutGrace(sinks: readonly Sink[]): Sink[] {
  return sinks.map((sink) => ({ ...sink, grace: 0 }))
}

/** As far as they want to hear of these environments. */
export function sinksFor(sinks: readonly Sink[], ...wanted: readonly string[]): Sink[] {
  return sinks.flatMap((sink) => {
    const environments = sink.environments.filter((each) => wanted.includes(each))
    return environments.length === 0 ? [] : [{ ...sink, environments }]
  })
}

/** What a run knows of those who want to hear of its end. */
export type NotifyOptions = {
  readonly notifications?: readonly Sink[]
  readonly observer?: (event: { readonly type: 'warning'; readonly message: string }) => void
}
