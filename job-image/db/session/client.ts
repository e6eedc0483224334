import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { redactSecrets } from '../../../common/logging/redact.ts'
import { backoffDelay } from '../../../common/backoff.ts'
import { InputError, InterruptedError, asError } from '../../errors.ts'
import type { Tracing } from '../../tracing/tracing.ts'
import {
  ConnectionLost,
  UnreachableError,
  WrongServer,
  isTransient,
  isUnencryptedOnly,
  namingDatabase,
  whileConnecting,
} from './errors.ts'
import { configureSession } from './session-settings.ts'
import type { ServerSession } from './session-settings.ts'
import { mayTryOtherMode, requireAttributes, triesOf } from './tries.ts'
import { TYPE_PARSERS } from './type-parsers.ts'
import { describeDatabase } from './url.ts'
import { requireWritable } from './writable.ts'

/** Where to connect, and how patiently. */
export type Target = {
  /** A URL that `parseDatabaseUrl` accepts. */
  readonly url: string
  /** Shown in pg_stat_activity; at most 63 bytes. Peers find a frozen worker's session by it. */
  readonly applicationName?: string
  /**
   * True for work that needs a server, and a role, that can write: of several servers the first such one is used.
   * Otherwise the first that answers is.
   */
  readonly writes?: boolean
  /** How long to go on trying while the server cannot be reached, in ms. Default 30 s; 0 = one try. */
  readonly retryFor?: number
  /** After how many ms without an answer a query fails. Default: never; only for queries that wait for no lock. */
  readonly queryTimeout?: number
  /** Told of every failed try that will be repeated. */
  readonly onRetry?: (error: Error) => void
  readonly signal?: AbortSignal
  readonly tracing?: Pick<Tracing, 'watch'>
}

const DEFAULT_RETRY_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
const RETRY = { first: 100, longest: 2_000 }
/** Node probes ten times, one second apart, after this much silence: a server that vanished is noticed in 20 s. */
const KEEPALIVE_IDLE_MS = 10_000
/** A farewell that a half-open connection never answers must not hold up the end. */
const FAREWELL_MS = 2_000

/** A connected, configured session. Retries while the server is away; what a person must mend throws at once. */
export async function connect(target: Target): Promise<Client> {
  const deadline = performance.now() + (target.retryFor ?? DEFAULT_RETRY_MS)
  for (let attempt = 0; ; attempt += 1) {
    const began = performance.now()
    try {
      return await connectOnce(target)
    } catch (thrown) {
      const where = `database ${describeDatabase(target.url)}`
      const delay = backoffDelay(RETRY, attempt)
      if (!isTransient(thrown)) throw namingDatabase(thrown, where)
      // A process that was stopped in the middle of a try has not tried for all that time.
      const wasStopped = performance.now() - began > longestTry(target) + 1_000
      if (performance.now() + delay > deadline && !wasStopped) {
        const problem = thrown instanceof WrongServer ? where : `${where} cannot be reached`
        throw new UnreachableError(`${problem}: ${reason(thrown)}`, { cause: thrown })
      }
      target.onRetry?.(asError(thrown))
      await interruptibleSleep(delay, target.signal)
    }
  }
}

function longestTry({ url }: Target): number {
  const tries = triesOf(url).servers.flatMap(({ urls }) => urls)
  return tries.length * CONNECT_TIMEOUT_MS
}

/** Node reports one refused address per resolved IP in an AggregateError whose own message is empty. */
export function reason(thrown: unknown): string {
  const error = asError(thrown)
  return error instanceof AggregateError
    ? error.errors.map((each) => asError(each).message).join('; ')
    : error.message
}

/** The first server that can be had. What a person must mend on one of them ends the search, as in libpq. */
async function connectOnce(target: Target): Promise<Client> {
  const { servers, attributes } = triesOf(target.url)
  const errors: Error[] = []
  for (const { name, urls } of servers) {
    try {
      return await connectToServer(target, urls, attributes)
    } catch (thrown) {
      const error = asError(thrown)
      if (servers.length === 1 || error instanceof InputError) throw error
      error.message = `${name}: ${reason(error)}`
      if (!isTransient(error)) throw error
      errors.push(error)
    }
  }
  throw new AggregateError(errors, errors.map(({ message }) => message).join('; '))
}

async function connectToServer(
  target: Target,
  [url = target.url, ...others]: readonly string[],
  attributes: string | undefined,
): Promise<Client> {
  try {
    return await openSession(target, url, attributes)
  } catch (error) {
    if (others.length === 0 || !mayTryOtherMode(error)) throw error
    const client = await connectToServer(target, others, attributes)
    if (isUnencryptedOnly(error)) warnings.set(client, UNENCRYPTED)
    return client
  }
}

async function openSession(target: Target, url: string, attributes: string | undefined): Promise<Client> {
  const client = newClient(target, url)
  // An 'error' event without a listener would end the process; the query under way rejects anyway.
  client.on('error', () => {})
  try {
    await client.connect()
    const session = await configureSession(client, applicationNameOf(target))
    if (attributes !== undefined) requireAttributes(attributes, session)
    if (target.writes === true) await requireWritable(client, session, `database ${describeDatabase(url)}`)
    serverSessions.set(client, session)
    target.tracing?.watch(client, url)
    return client
  } catch (thrown) {
    client.end().catch(() => {})
    throw whileConnecting(lostConnection(thrown), `database ${describeDatabase(url)}`)
  }
}

/** The name of a target's sessions in pg_stat_activity. */
export function applicationNameOf({ applicationName = 'rapidrmf' }: Target): string {
  return applicationName
}

function newClient(target: Target, url: string): Client {
  try {
    const client = new Client({
      // pg lets what it finds in the URL win over what is given beside it.
      connectionString: url,
      application_name: applicationNameOf(target),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
      types: TYPE_PARSERS,
    })
    return withoutDefaults(client, target.queryTimeout)
  } catch (thrown) {
    // Here pg reads the certificate files that the URL names.
    const { message } = asError(thrown)
    throw new InputError(`database ${describeDatabase(url)}: the URL's parameters cannot be used: ${message}`)
  }
}

/** A host of the library may have changed `pg.defaults`, which take the place of whatever a client sets to nothing. */
function withoutDefaults(client: Client, queryTimeout = 0): Client {
  const settings = client as unknown as {
    binary: boolean
    readonly connectionParameters: { query_timeout: number }
  }
  settings.binary = false
  settings.connectionParameters.query_timeout = queryTimeout
  return client
}

/** pg's words for a session that ended, or could not begin; it gives these errors no code. */
const LOST =
  /^(Connection terminated|There was an error establishing an SSL connection|Client has encountered a connection error|Client was closed|timeout expired|Query read timeout)/

/**
 * Gives pg's code-less "connection terminated" errors a class of their own. Every error of a database comes through
 * here on its way to rows, logs and summaries, so here it loses what it may quote: a trigger's text can hold a login.
 */
export function lostConnection(thrown: unknown): Error {
  const error = asError(thrown)
  const message = redactSecrets(error.message)
  if (message !== error.message) error.message = message
  return LOST.test(error.message) ? new ConnectionLost(error.message, { cause: error }) : error
}

export async function interruptibleSleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  } catch (thrown) {
    throw new InterruptedError('stopped while waiting', { cause: thrown })
  }
}

const serverSessions = new WeakMap<Client, ServerSession>()

const UNENCRYPTED =
  'the connection is not encrypted: the server has no TLS, and sslmode=prefer goes on without it; sslmode=require would refuse'
const ASYNCHRONOUS =
  'synchronous_commit is off for this role or server; a run turns it on, so that no crash of the server loses what was reported'

const warnings = new WeakMap<Client, string>()

/** What is worth a word about a session that `connect` opened. */
export function sessionWarnings(client: Client): string[] {
  const warning = warnings.get(client)
  return [
    ...(warning === undefined ? [] : [warning]),
    ...(serverSessions.get(client)?.wasAsynchronous === true ? [ASYNCHRONOUS] : []),
  ]
}

/** The server's side of a session that `connect` opened. */
export function serverSession(client: Client): ServerSession | undefined {
  return serverSessions.get(client)
}

/** Connects, works, disconnects; also after an error. */
export async function withClient<T>(target: Target, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(target)
  try {
    return await work(client)
  } catch (thrown) {
    throw namingDatabase(lostConnection(thrown), `database ${describeDatabase(target.url)}`)
  } finally {
    await disconnect(client)
  }
}

/** Ends the session; a connection that is already gone is no error here. */
export async function disconnect(client: Client): Promise<void> {
  const timer = setTimeout(() => cutConnection(client), FAREWELL_MS)
  await client.end().catch(() => {})
  clearTimeout(timer)
}

/** Ends the connection without a word; what waits for an answer on it fails as lost. */
export function cutConnection(client: Client): void {
  const { connection } = client as Client & { readonly connection: { readonly stream: Duplex } }
  connection.stream.destroy()
}

/** BEGIN … COMMIT around `work`, ROLLBACK if it throws. */
export async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  try {
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (thrown) {
    await client.query('ROLLBACK').catch(() => {})
    throw lostConnection(thrown)
  }
}
