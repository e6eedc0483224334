import type { Client } from 'pg'
import { backendPid, connect, cutConnection, disconnect } from '../db/client.ts'
import { interruptibleSleep, lostConnection } from '../db/client.ts'
import type { Target } from '../db/client.ts'
import { isTransient, withRemedy } from '../db/errors.ts'
import { describeDatabase } from '../db/url.ts'
import { asError } from '../errors.ts'

/**
 * One database session that heals: work that failed for a passing reason is done again, on a new connection where the
 * old one is gone, until `outage` ms have passed without success. So all work given to it must be a whole: a
 * transaction, or a statement that may run twice.
 */
export class Session {
  #client: Client | undefined
  readonly #target: Target
  readonly #outage: number

  constructor(target: Target, outage: number) {
    this.#target = target
    this.#outage = outage
  }

  async run<T>(work: (client: Client) => Promise<T>): Promise<T> {
    let deadline: number | undefined
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#client ??= await connect({ ...this.#target, retryFor: this.#remaining(deadline) })
        return await work(this.#client)
      } catch (thrown) {
        const error = lostConnection(thrown)
        if (!isTransient(error)) throw withRemedy(error, `database ${describeDatabase(this.#target.url)}`)
        // A lost connection and a refused statement look alike from here; a new session is right for both.
        await this.close()
        deadline ??= Date.now() + this.#outage
        if (Date.now() >= deadline) throw error
        this.#target.onRetry?.(asError(error))
        await interruptibleSleep(Math.min(2_000, 50 * 2 ** attempt), this.#target.signal)
      }
    }
  }

  #remaining(deadline: number | undefined): number {
    return deadline === undefined ? this.#outage : Math.max(0, deadline - Date.now())
  }

  /** The server's process behind the open connection. */
  get backendPid(): number | undefined {
    return this.#client === undefined ? undefined : backendPid(this.#client)
  }

  /**
   * Breaks the connection to `backendPid`, if it is still the open one: the server has ended it, and the network
   * never told us. The work under way fails as on any lost connection, and is done again.
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
