import type { Logger } from 'pino'
import { sleep } from '../../common/clock.ts'
import type { Clock } from '../../common/clock.ts'
import type { KubeClient } from './client.ts'
import { failureOf, NotLeaderError, errorMessage } from './errors.ts'
import { microTime } from './micro-time.ts'
import { RESOURCES } from './object.ts'
import type { KubeObject, ObjectMeta } from './object.ts'

export type LeaseSpec = {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

export type Lease = KubeObject & { readonly spec?: LeaseSpec }

export type LeaseTiming = {
  /** Milliseconds that the other replicas wait after the last renewal (client-go: lease duration). */
  readonly lease: number
  /** Milliseconds after its last successful renewal for which the leader considers itself leading. */
  readonly renewDeadline: number
  readonly retry: number
}

/**
 * client-go's defaults. The leader stops writing five seconds before another replica can acquire the Lease. It renews
 * every 2 s, so four attempts may fail.
 */
const TIMING: LeaseTiming = { lease: 15_000, renewDeadline: 10_000, retry: 2_000 }

/** A slow shutdown ends in SIGKILL. */
const RELEASE_TIMEOUT = 2_000

export type LeaderOptions = {
  /** Unguarded, because the guard of the other writes depends on the Lease. */
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>
  readonly namespace: string
  readonly name: string
  /** Unique for each process, also for consecutive ones in the same pod. */
  readonly identity: string
  readonly log: Logger
  readonly clock: Clock
  readonly random?: () => number
  readonly timing?: LeaseTiming
  readonly onChange?: (leading: boolean) => void
}

/**
 * The last observed Lease, and when this process first saw it, on its own clock: the times of other machines are not
 * trusted.
 */
type Observation = { readonly lease: Lease; readonly at: number }

/** Elects the one replica that writes, with a Lease and client-go's algorithm. */
export class LeaderElector {
  readonly #options: LeaderOptions
  readonly #timing: LeaseTiming
  #observed: Observation | undefined
  /** The time right before the last successful renewal was sent; the other replicas count from a later moment. */
  #renewedAt: number | undefined
  #notifiedLeading = false

  constructor(options: LeaderOptions) {
    this.#options = options
    this.#timing = options.timing ?? TIMING
  }

  /**
   * Reads the clock each time: a process that was stopped for longer than the deadline does not lead when it wakes.
   */
  isLeader(): boolean {
    if (this.#renewedAt === undefined) return false
    return this.#options.clock.now() - this.#renewedAt < this.#timing.renewDeadline
  }

  /** Throws unless this replica leads; the guard of KubeClient.guarded. */
  readonly assertLeader = (): void => {
    if (!this.isLeader())
      throw new NotLeaderError('this replica does not lead, or no longer: nothing is written')
  }

  /** The identity of the leader as last observed; '' if the Lease is released. */
  get holder(): string {
    return this.#observed?.lease.spec?.holderIdentity ?? ''
  }

  /** Acquires and renews the Lease until the signal aborts, then releases it. */
  async run(signal: AbortSignal): Promise<void> {
    const { random = Math.random, log } = this.#options
    while (!signal.aborted) {
      await this.#tryAcquireOrRenew(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ reason: errorMessage(error) }, 'cannot read or renew the lease')
      })
      this.#notify()
      // Waiting replicas add jitter, as client-go does; the leader renews at a fixed interval.
      const pause = this.isLeader() ? this.#timing.retry : this.#timing.retry * (1 + 1.2 * random())
      await this.#waitForRetry(pause, signal)
    }
    await this.#release()
  }

  /** Sleeps for the pause, or until leadership ends if that is earlier, so that its end is notified in time. */
  async #waitForRetry(pause: number, signal: AbortSignal): Promise<void> {
    await sleep(Math.min(pause, this.#untilDeadline()), signal, this.#options.clock)
    this.#notify()
  }

  async #tryAcquireOrRenew(signal: AbortSignal): Promise<void> {
    // Without interference, a renewal is one PUT every 2 s and no GET.
    if (this.isLeader() && this.#observed !== undefined) {
      try {
        await this.#write(this.#observed.lease, signal)
        return
      } catch (error) {
        if (failureOf(error).kind !== 'conflict' && failureOf(error).kind !== 'notFound') throw error
      }
    }
    const lease = await this.#read(signal)
    if (lease === undefined || !this.#isHeldByAnother(lease)) await this.#write(lease, signal)
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#options
    try {
      const lease = await client.get<Lease>(RESOURCES.leases, { namespace, name }, this.#limits(signal))
      this.#observe(lease)
      return lease
    } catch (error) {
      if (failureOf(error).kind === 'notFound') return undefined
      throw error
    }
  }

  async #write(before: Lease | undefined, signal: AbortSignal): Promise<void> {
    const { client, namespace, name, identity, clock } = this.#options
    const sentAt = clock.now()
    const now = microTime(clock.date())
    const known = before?.spec ?? {}
    const ours = known.holderIdentity === identity
    const spec: LeaseSpec = {
      ...known,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#timing.lease / 1000),
      renewTime: now,
      acquireTime: ours ? (known.acquireTime ?? now) : now,
      leaseTransitions: (known.leaseTransitions ?? 0) + (ours || before === undefined ? 0 : 1),
    }
    const lease = await this.#put(client, before, { namespace, name }, spec, this.#limits(signal))
    this.#observe(lease)
    this.#renewedAt = sentAt
  }

  async #put(
    client: LeaderOptions['client'],
    before: Lease | undefined,
    metadata: ObjectMeta,
    spec: LeaseSpec,
    limits: { timeout: number; signal?: AbortSignal },
  ): Promise<Lease> {
    const type = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }
    const version = before?.metadata.resourceVersion
    if (before === undefined || version === undefined) {
      return client.create<Lease>(RESOURCES.leases, { ...type, metadata, spec }, limits)
    }
    const lease = { ...before, ...type, metadata: { ...before.metadata, resourceVersion: version }, spec }
    return client.replace<Lease>(RESOURCES.leases, lease, limits)
  }

  #observe(lease: Lease): void {
    const last = this.#observed?.lease.metadata
    const { uid, resourceVersion } = lease.metadata
    const same = last?.uid === uid && last?.resourceVersion === resourceVersion
    this.#observed = { lease, at: same ? (this.#observed?.at ?? 0) : this.#options.clock.now() }
    if (lease.spec?.holderIdentity !== this.#options.identity) this.#renewedAt = undefined
  }

  /** True if another holder's Lease has not expired, counted from when this process first saw the renewal. */
  #isHeldByAnother({ spec }: Lease): boolean {
    const holder = spec?.holderIdentity ?? ''
    if (holder === '' || holder === this.#options.identity || this.#observed === undefined) return false
    const duration = (spec?.leaseDurationSeconds ?? this.#timing.lease / 1000) * 1000
    return this.#options.clock.now() - this.#observed.at < duration
  }

  async #release(): Promise<void> {
    const leading = this.isLeader()
    // Nothing is written from here on, even if the release fails.
    this.#renewedAt = undefined
    this.#notify()
    if (!leading) return
    await this.#releaseLease()
      // The interrupted renewal may have reached the API server.
      .catch(async (error: unknown) => {
        if (failureOf(error).kind !== 'conflict') throw error
        await this.#read(AbortSignal.timeout(RELEASE_TIMEOUT))
        await this.#releaseLease()
      })
      .catch((error: unknown) => {
        const message = 'cannot release the lease; the next leader waits until it expires'
        this.#options.log.warn({ reason: errorMessage(error) }, message)
      })
  }

  async #releaseLease(): Promise<void> {
    const { client, namespace, name, identity, clock } = this.#options
    const lease = this.#observed?.lease
    if (lease?.spec?.holderIdentity !== identity) return
    const now = microTime(clock.date())
    const free = { holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now }
    const spec = { ...lease.spec, ...free }
    await this.#put(client, lease, { namespace, name }, spec, { timeout: RELEASE_TIMEOUT })
  }

  /** Times out before leadership ends, so that another attempt is possible. */
  #limits(signal: AbortSignal): { timeout: number; signal: AbortSignal } {
    const half = this.#timing.renewDeadline / 2
    return { timeout: Math.max(Math.min(half, this.#untilDeadline()), 1), signal }
  }

  #untilDeadline(): number {
    if (this.#renewedAt === undefined || !this.isLeader()) return Number.POSITIVE_INFINITY
    return this.#renewedAt + this.#timing.renewDeadline - this.#options.clock.now()
  }

  #notify(): void {
    const leading = this.isLeader()
    if (leading === this.#notifiedLeading) return
    this.#notifiedLeading = leading
    this.#options.log.info({ holder: this.holder }, leading ? 'started leading' : 'stopped leading')
    this.#options.onChange?.(leading)
  }
}
