import { z } from 'zod'
import { urlProblem } from '../../common/webhook/url-problem.ts'
import { suggestion } from '../document.ts'
import type { SourceDocument } from '../document.ts'
import { InputError, formatProblem } from '../errors.ts'
import type { Problem } from '../errors.ts'
import type { Io } from '../io.ts'
import { MAIL_TLS, TRIGGERS } from '../notify/sink.ts'
import type { Email, Transport, Sink, Slack, Trigger, Webhook } from '../notify/sink.ts'
import { secondsSchema } from './duration-schema.ts'
import { expand, referenceProblem } from './expand.ts'
import type { Setting } from './expand.ts'
import { REDACTED, redact } from './redact.ts'

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, ".", "_" and "-", at most 63 characters')

/** Seconds. A sender holds a transaction open, and the database ends one that is idle for a minute. */
const LONGEST_TIMEOUT = 30

const DEFAULT_TIMEOUT = 10
/**
 * Longer than Kubernetes waits before it starts a failed pod again (10 s, twice as long each time, at most 360 s), for
 * all retries but the sixth and later ones.
 */
const DEFAULT_GRACE = 300

const common = {
  name,
  on: z.array(z.enum(TRIGGERS)).min(1),
  environments: z.array(z.string()).min(1).nullish(),
  timeout: secondsSchema({ min: 0.1, max: LONGEST_TIMEOUT }).nullish(),
  grace: secondsSchema({ min: 0, max: 86_400 }).nullish(),
  allow_private_addresses: z.boolean().nullish(),
}

const text = z.string().min(1)
const texts = z.union([text, z.array(text).min(1)], { error: () => 'expected a text, or a list of texts' })

const sinkSchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      ...common,
      type: z.literal('webhook'),
      url: text,
      secret: text.nullish(),
      headers: z.record(z.string(), z.string()).nullish(),
    }),
    z.strictObject({ ...common, type: z.literal('slack'), url: text }),
    z.strictObject({
      ...common,
      type: z.literal('email'),
      host: text,
      port: z.int().min(1).max(65_535).nullish(),
      tls: z.enum(MAIL_TLS).nullish(),
      user: text.nullish(),
      password: text.nullish(),
      from: text,
      to: texts,
    }),
  ],
  { error: ({ code }) => (code === 'invalid_union' ? 'expected webhook, slack or email' : undefined) },
)

export const notificationsSchema = z.array(sinkSchema).nullish()

type SinkSource = z.output<typeof sinkSchema>

/** A sink of the file; its `${VARIABLES}` are resolved when it is used. */
export type SinkSettings = {
  readonly source: SinkSource
  /** The sink's own environments, or all of the file. */
  readonly environments: readonly string[]
  /** A text of the sink, with its position for problems. */
  readonly setting: (path: readonly PropertyKey[], text: string) => Setting
  readonly problem: (message: string) => Problem
}

/** The sinks of a file with these environments. Adds problems between sinks to `problems`. */
export function sinksOf(
  document: SourceDocument<{ readonly notifications?: readonly SinkSource[] | null | undefined }>,
  environments: readonly string[],
  problems: Problem[],
): SinkSettings[] {
  const names = new Set<string>()
  return (document.value.notifications ?? []).map((source, index) => {
    const at = (path: readonly PropertyKey[], message: string): Problem =>
      document.problemAt(['notifications', index, ...path], message)
    if (names.has(source.name)) problems.push(at(['name'], 'another sink above has this name'))
    names.add(source.name)
    for (const [place, each] of (source.environments ?? []).entries()) {
      if (environments.includes(each)) continue
      problems.push(
        at(['environments', place], `there is no such environment${suggestion(each, environments)}`),
      )
    }
    return {
      source,
      environments: source.environments ?? environments,
      setting: (path, text) => ({ text, problem: (message) => at(path, message) }),
      problem: (message) => at([], message),
    }
  })
}

/** Resolves the variables of a sink. With any problem, the sink is `unusable`. */
export function resolveSink(settings: SinkSettings, env: Io['env']): { sink: Sink; problems: Problem[] } {
  const { source, environments } = settings
  const problems: Problem[] = []
  const transport = transportOf(settings, env, problems)
  const problem = problems.map(formatProblem).join('; ')
  return {
    problems,
    sink: {
      name: source.name,
      on: source.on satisfies readonly Trigger[],
      environments,
      grace: (source.grace ?? DEFAULT_GRACE) * 1000,
      timeout: (source.timeout ?? DEFAULT_TIMEOUT) * 1000,
      allowPrivateAddresses: source.allow_private_addresses ?? false,
      transport: problems.length === 0 ? transport : { type: 'unusable', kind: source.type, problem },
    },
  }
}

/** A value with its variables put in. What is wrong is noted, and the value is then of no use. */
type Read = (
  path: readonly PropertyKey[],
  text: string,
  check?: (value: string) => string | undefined,
) => string

function transportOf(settings: SinkSettings, env: Io['env'], problems: Problem[]): Transport {
  const read: Read = (path, text, check) => {
    const setting = settings.setting(path, text)
    try {
      const value = expand(setting, env)
      const problem = referenceProblem(text) ?? textProblem(value) ?? check?.(value)
      if (problem !== undefined) problems.push(setting.problem(problem))
      return value
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      problems.push(...thrown.problems)
      return ''
    }
  }
  const { source } = settings
  const checkUrl = (url: string): string | undefined =>
    urlProblem(url, {
      allowPrivate: source.allow_private_addresses === true,
      allowedBy: '"allow_private_addresses: true"',
      loginGoesTo: '"headers"',
    })
  switch (source.type) {
    case 'webhook':
      return webhookOf(source, read, checkUrl)
    case 'slack':
      return { type: 'slack', url: read(['url'], source.url, checkUrl) } satisfies Slack
    case 'email':
      return emailOf(source, read, settings, problems)
  }
}

type Check = (value: string) => string | undefined
type SourceOf<T extends SinkSource['type']> = Extract<SinkSource, { type: T }>

function webhookOf(source: SourceOf<'webhook'>, read: Read, checkUrl: Check): Webhook {
  const headers = Object.entries(source.headers ?? {}).map(([header, value]) => [
    header.toLowerCase(),
    read(['headers', header], value, () => headerProblem(header)),
  ])
  return {
    type: 'webhook',
    url: read(['url'], source.url, checkUrl),
    headers: Object.fromEntries(headers) as Record<string, string>,
    secret: source.secret ? read(['secret'], source.secret) : undefined,
  }
}

const MAIL_PORTS = { starttls: 587, implicit: 465, none: 25 } as const

function emailOf(
  source: SourceOf<'email'>,
  read: Read,
  { problem }: SinkSettings,
  problems: Problem[],
): Email {
  const { user, password } = source
  const tls = source.tls ?? 'starttls'
  if (!user !== !password) problems.push(problem('"user" and "password" belong together'))
  if (user && tls === 'none') problems.push(problem('"tls: none" would send the password in the clear'))
  const to = typeof source.to === 'string' ? [source.to] : source.to
  return {
    type: 'email',
    host: read(['host'], source.host),
    port: source.port ?? MAIL_PORTS[tls],
    tls,
    login:
      user && password ? { user: read(['user'], user), password: read(['password'], password) } : undefined,
    from: read(['from'], source.from, mailProblem),
    to: to.map((each, index) =>
      read(['to', ...(typeof source.to === 'string' ? [] : [index])], each, mailProblem),
    ),
  }
}

/** A secret made with `echo` ends with a line break: no signature fits then, and a header would be refused. */
function textProblem(value: string): string | undefined {
  if (value === '') return 'is empty once its variables are put in'
  return /\p{Cc}/u.test(value) ? 'holds a line break or another control character' : undefined
}

/** Headers that the sender sets itself, or that would change the interpretation of the request. */
const OWN_HEADERS =
  /^(content-type|content-length|host|connection|transfer-encoding|expect|upgrade|user-agent|trailer|te|rapidrmf-.*)$/i

function headerProblem(header: string): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(header)) return 'this is no name of a header'
  return OWN_HEADERS.test(header) ? 'this header is set by the sender' : undefined
}

function mailProblem(address: string): string | undefined {
  return /^[^@]*[^@\s<>,;]@[^@\s<>,;]+>?$/.test(address)
    ? undefined
    : 'expected one mail address, alone or as NAME <ADDRESS>'
}

/** The sinks as the file says them, without secrets. What a URL has after its host can be one (Slack's is). */
export function showSinks(sinks: readonly SinkSettings[]): unknown[] {
  return sinks.map(({ source }) => {
    const shown = redact(source) as Record<string, unknown>
    if (source.type === 'email') return shown
    const headers = source.type === 'webhook' ? Object.entries(source.headers ?? {}) : []
    return {
      ...shown,
      url: showUrl(source.url),
      ...(headers.length === 0
        ? {}
        : { headers: Object.fromEntries(headers.map(([key, value]) => [key, showSecret(value)])) }),
    }
  })
}

function showSecret(text: string): string {
  return /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(text) ? text : REDACTED
}

function showUrl(text: string): string {
  const url = URL.parse(text)
  // With a variable in its host it is not a URL, and the ends of its parts are unknown.
  return url === null || text.includes('${') ? showSecret(text) : `${url.protocol}//${url.host}/${REDACTED}`
}
