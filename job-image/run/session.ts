import type { Client } from 'pg'
import { escapeLiteral } from 'pg'
import { backoffDelay } from '../../common/backoff.ts'
import { connect, cutConnection, disconnect, lostConnection, serverSession } from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { interruptibleSleep } from '../interruptible-sleep.ts'
import { UnreachableError, isTransient, sqlState, withRemedy } from '../db/session/errors.ts'
import { LostSessions } from '../db/session/lost-sessions.ts'
import { terminateSession } from '../db/session/terminate-backend.ts'
import { describeDatabase } from '../db/session/url.ts'
import { InterruptedError, asError } from '../errors.ts'

/**
 * Grace period of a running transaction after the signal is aborted, in ms. A batch takes a fraction of a second; one
 * that takes longer waits for a lock. Together with ending the attempt it stays well below the 30 s of Kubernetes.
 */
export const GRACE = 5_000

/** Backoff after a lost connection, in ms; all workers lose the server at once. */
export const RETRY = { first: 50, longest: 2_000 }

/**
 * A database session that reconnects: work that failed with a transient error is retried on a new connection, until
 * `outage` ms have passed without success. All work given to it must therefore be safe to repeat: one transaction, or an
 * idempotent statement.
 */
export class Session {
  /** The server sessions that were lost, by this session and by those that share the set. */
  readonly lost: LostSessions
  #client: Client | undefined
  readonly #target: Target
  readonly #outage: number
  #isWorking = false

  /** `lost` is shared by sessions that wait for each other's locks. */
  constructor(target: Target, outage: number, lost = new LostSessions()) {
    this.#target = target
    this.#outage = outage
    this.lost = lost
  }

  /**
   * Rejects with an InterruptedError if the target's signal ended a wait, or work that took too long; with an
   * UnreachableError if `unwanted` ended the wait for a connection. `unwanted` does not end work.
   */
  async run<T>(work: (client: Client) => Promise<T>, unwanted?: AbortSignal): Promise<T> {
    let deadline: number | undefined
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#client ??= await this.#waiting(unwanted, (signal) =>
          connect({ ...this.#target, retryFor: this.#remaining(deadline), signal }),
        )
        return await this.#withinGrace(this.#client, async (client) => {
          this.#isWorking = true
          await this.lost.end(client)
          return work(client)
        })
      } catch (thrown) {
        const error = lostConnection(thrown)
        // After an error of the server its session has ended, or can be closed from here; it is not lost.
        if (this.#client !== undefined && sqlState(error) === undefined && isTransient(error)) {
          this.lost.add(this.#client, this.#target)
        }
        if (!isTransient(error)) throw withRemedy(error, `database ${describeDatabase(this.#target.url)}`)
        // A lost connection and a refused statement look alike; a new session is right for both.
        await this.close()
        deadline ??= performance.now() + this.#outage
        if (performance.now() >= deadline) throw error
        this.#target.onRetry?.(asError(error))
        await this.#waiting(unwanted, (signal) => interruptibleSleep(backoffDelay(RETRY, attempt), signal))
      } finally {
        this.#isWorking = false
      }
    }
  }

  /** Waits for a connection, until the target's signal or `unwanted` ends it. */
  async #waiting<T>(
    unwanted: AbortSignal | undefined,
    wait: (signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<T> {
    const { signal } = this.#target
    const stopped = (): boolean => signal?.aborted === true
    // After the abort, nothing is started that needs a new connection: the remaining time is for ending the attempt.
    if (stopped()) throw new InterruptedError('stopped with work left')
    const signals = [signal, unwanted].filter((each) => each !== undefined)
    try {
      return await wait(signals.length === 0 ? undefined : AbortSignal.any(signals))
    } catch (error) {
      if (!(error instanceof InterruptedError) || stopped() || unwanted?.aborted !== true) throw error
      throw new UnreachableError('the connection was no longer wanted', { cause: error })
    }
  }

  /** Executes the work; terminates its session if it takes longer than GRACE after the signal. */
  async #withinGrace<T>(client: Client, work: (client: Client) => Promise<T>): Promise<T> {
    const { signal } = this.#target
    if (signal === undefined) return work(client)
    let timer: NodeJS.Timeout | undefined
    let ended: Promise<void> | undefined
    const onAbort = (): void => {
      timer = setTimeout(() => {
        ended = terminateSession(this.#target, client)
      }, GRACE)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await work(client)
    } catch (error) {
      if (ended === undefined) throw error
      await ended
      await this.close()
      throw new InterruptedError(
        `stopped; the running transaction took longer than ${GRACE / 1000} s and was terminated`,
        { cause: error },
      )
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #remaining(deadline: number | undefined): number {
    return deadline === undefined ? this.#outage : Math.max(0, deadline - performance.now())
  }

  /**
   * Moves the connection of another session to this one and renames it: opening a connection takes longer than all
   * queries of a small run.
   */
  async adopt(other: Session): Promise<void> {
    this.#client = other.#client
    other.#client = undefined
    if (this.#client === undefined) return
    await this.run((client) =>
      client.query(`SET application_name TO ${escapeLiteral(this.#target.applicationName ?? '')}`),
    )
  }

  /** The server's process behind the open connection. */
  get backendPid(): number | undefined {
    return this.#client === undefined ? undefined : serverSession(this.#client)?.pid
  }

  /** The `backendPid` while work is running; undefined otherwise. */
  get workingPid(): number | undefined {
    return this.#isWorking ? this.backendPid : undefined
  }

  /**
   * Closes the connection to `backendPid`, if it is still the open one: the server has ended it, or waits for this client
   * forever, and no packet reported that. The running work fails as after a lost connection, and is retried.
   */
  sever(backendPid: number): void {
    if (this.#client !== undefined && this.backendPid === backendPid) cutConnection(this.#client)
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) await disconnect(client)
  }
}
