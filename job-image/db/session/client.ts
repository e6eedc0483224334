import type { Duplex } from 'node:stream'
import { Client } from 'pg'
import { redactSecrets } from '../../../common/logging/redact.ts'
import { backoffDelay } from '../../../common/backoff.ts'
import { InputError, asError } from '../../errors.ts'
import { interruptibleSleep } from '../../interruptible-sleep.ts'
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

/** Where and how to connect. */
export type Target = {
  /** A URL that `parseDatabaseUrl` accepts. */
  readonly url: string
  /** Shown in pg_stat_activity; at most 63 bytes. Peers find a frozen worker's session by it. */
  readonly applicationName?: string | undefined
  /**
   * True for work that needs a writable server and role: of several servers the first such one is used. Otherwise the
   * first server that answers is used.
   */
  readonly writes?: boolean | undefined
  /** How long to retry while the server cannot be reached, in ms. Default 30 s; 0 = one try. */
  readonly retryFor?: number | undefined
  /** Timeout of a query, in ms. Default: none; only for queries that wait for no lock. */
  readonly queryTimeout?: number | undefined
  /** Called for every failed try that will be retried. */
  readonly onRetry?: ((error: Error) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly tracing?: Pick<Tracing, 'watch'> | undefined
}

const DEFAULT_RETRY_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
const RETRY = { first: 100, longest: 2_000 }
/** The idle time after which Node probes ten times, one second apart: a dead connection is detected within 20 s. */
const KEEPALIVE_IDLE_MS = 10_000
/** Timeout of closing a connection: a half-open one never answers. */
const DISCONNECT_TIMEOUT_MS = 2_000

/** Opens a configured session. Transient errors are retried with backoff; other errors are thrown at once. */
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
      // If the process was suspended during the try, the elapsed time does not count.
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

/** Connects to the first available server. An error that is not transient ends the search, as in libpq. */
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
  // An 'error' event without a listener would end the process; the running query rejects anyway.
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
      // Parameters in the URL override the options given here.
      connectionString: url,
      application_name: applicationNameOf(target),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
      types: TYPE_PARSERS,
    })
    return withoutDefaults(client, target.queryTimeout)
  } catch (thrown) {
    // The constructor reads the certificate files that the URL names.
    const { message } = asError(thrown)
    throw new InputError(`database ${describeDatabase(url)}: the URL's parameters cannot be used: ${message}`)
  }
}

/** Overrides `pg.defaults`, which a program that uses the library may have changed, for options that are unset. */
function withoutDefaults(client: Client, queryTimeout = 0): Client {
  const settings = client as unknown as {
    binary: boolean
    readonly connectionParameters: { query_timeout: number }
  }
  settings.binary = false
  settings.connectionParameters.query_timeout = queryTimeout
  return client
}

/** pg's messages for a session that ended or could not start; these errors have no code. */
const LOST =
  /^(Connection terminated|There was an error establishing an SSL connection|Client has encountered a connection error|Client was closed|timeout expired|Query read timeout)/

/**
 * Gives pg's code-less "connection terminated" errors a class of their own. Every database error passes through here
 * before it reaches rows, logs and summaries, so secrets are redacted here: a trigger's message can contain a login.
 */
export function lostConnection(thrown: unknown): Error {
  const error = asError(thrown)
  const message = redactSecrets(error.message)
  if (message !== error.message) error.message = message
  return LOST.test(error.message) ? new ConnectionLost(error.message, { cause: error }) : error
}

const serverSessions = new WeakMap<Client, ServerSession>()

const UNENCRYPTED =
  'the connection is not encrypted: the server has no TLS, and sslmode=prefer permits that; use sslmode=require to refuse it'
const ASYNCHRONOUS =
  'synchronous_commit is off for this role or server; a run turns it on, so that a crash of the server loses no reported result'

const warnings = new WeakMap<Client, string>()

/** Warnings about a session that `connect` opened. */
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

/** Executes `work` on a new session, which is always closed. */
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

/** Closes the session; a connection that is already closed is no error. */
export async function disconnect(client: Client): Promise<void> {
  const timer = setTimeout(() => cutConnection(client), DISCONNECT_TIMEOUT_MS)
  await client.end().catch(() => {})
  clearTimeout(timer)
}

/** Destroys the connection without notifying the server; a running query fails with ConnectionLost. */
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
