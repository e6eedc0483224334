import type { Client } from 'pg'
import { escapeLiteral } from 'pg'
import { backoffDelay } from '../../common/backoff.ts'
import {
  connect,
  cutConnection,
  disconnect,
  interruptibleSleep,
  lostConnection,
  serverSession,
} from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { UnreachableError, isTransient, sqlState, withRemedy } from '../db/session/errors.ts'
import { LostSessions } from '../db/session/lost-sessions.ts'
import { terminateSession } from '../db/session/terminate-backend.ts'
import { describeDatabase } from '../db/session/url.ts'
import { InterruptedError, asError } from '../errors.ts'

/**
 * How long work under way may take to end by itself once the signal is aborted, in ms. A batch takes a fraction of a
 * second; what takes longer waits for somebody's lock. With the farewell it stays well below the 30 s after which
 * Kubernetes kills.
 */
export const GRACE = 5_000

/** Of workers who have lost the same server. */
export const RETRY = { first: 50, longest: 2_000 }

/**
 * One database session that heals: work that failed for a passing reason is done again, on a new connection where the
 * old one is gone, until `outage` ms have passed without success. So all work given to it must be a whole: a
 * transaction, or a statement that may run twice.
 */
export class Session {
  /** What it has lost, and the sessions that it shares this with. */
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
   * Rejects with an InterruptedError when the target's signal ended a wait, or the work because it took too long; with
   * an UnreachableError when `unwanted` ended the wait for a connection. That one ends no work.
   */
  async run<T>(work: (client: Client) => Promise<T>, unwanted?: AbortSignal): Promise<T> {
    let deadline: number | undefined
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#client ??= await this.#waiting(unwanted, (signal) =>
          connect({ ...this.#target, retryFor: this.#remaining(deadline), ...(signal && { signal }) }),
        )
        return await this.#withinGrace(this.#client, async (client) => {
          this.#isWorking = true
          await this.lost.end(client)
          return work(client)
        })
      } catch (thrown) {
        const error = lostConnection(thrown)
        // An error of the server is an answer: its session has ended, or is here to be closed.
        if (this.#client !== undefined && sqlState(error) === undefined && isTransient(error)) {
          this.lost.add(this.#client, this.#target)
        }
        if (!isTransient(error)) throw withRemedy(error, `database ${describeDatabase(this.#target.url)}`)
        // A lost connection and a refused statement look alike from here; a new session is right for both.
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
    // Once it has to end, nothing is begun that needs a connection first: the time is for the farewell.
    if (stopped()) throw new InterruptedError('stopped with work left')
    const signals = [signal, unwanted].filter((each) => each !== undefined)
    try {
      return await wait(signals.length === 0 ? undefined : AbortSignal.any(signals))
    } catch (error) {
      if (!(error instanceof InterruptedError) || stopped() || unwanted?.aborted !== true) throw error
      throw new UnreachableError('the connection was no longer wanted', { cause: error })
    }
  }

  /** The work, ended with its session if it goes on for longer than GRACE after the signal. */
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
        `stopped; what was under way took longer than ${GRACE / 1000} s and was ended`,
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
   * Goes on with the connection of another session, under this one's name, and leaves that one without: opening one
   * takes longer than all that a small run asks.
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

  /** The same, only while work is under way on it. */
  get workingPid(): number | undefined {
    return this.#isWorking ? this.backendPid : undefined
  }

  /**
   * Breaks the connection to `backendPid`, if it is still the open one: the server has ended it, or would wait for this
   * client without end, and the network never told us. The work under way fails as on any lost connection, and is done again.
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
