import type { Logger } from 'pino'
import { sleep } from '../clock/clock.ts'
import type { Clock } from '../clock/clock.ts'
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
  /** How long the others wait after the last sign of life. */
  readonly lease: number
  /** How long the leader goes on believing in itself after its last successful renewal. */
  readonly renewDeadline: number
  readonly retry: number
}

/**
 * client-go's. Five seconds lie between the end of the leader's own belief and the earliest take-over; it renews every 2 s,
 * so that four attempts may fail.
 */
const TIMING: LeaseTiming = { lease: 15_000, renewDeadline: 10_000, retry: 2_000 }

/** An end that takes long ends in SIGKILL. */
const RELEASE_TIMEOUT = 2_000

export type LeaderOptions = {
  /** Unguarded: the Lease is what the guard of the other writes rests on. */
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>
  readonly namespace: string
  readonly name: string
  /** Different for every process, also for two that follow one another in one pod. */
  readonly identity: string
  readonly log: Logger
  readonly clock: Clock
  readonly random?: () => number
  readonly timing?: LeaseTiming
  readonly onChange?: (leading: boolean) => void
}

/** The Lease as last seen, and when it was first seen so, on this process's own clock: nobody else's time is trusted. */
type Observation = { readonly lease: Lease; readonly at: number }

/** Decides which one replica writes, by a Lease and client-go's rules. */
export class LeaderElector {
  readonly #options: LeaderOptions
  readonly #timing: LeaseTiming
  #observed: Observation | undefined
  /** Just before the last successful renewal was sent: the others count from some moment after it. */
  #renewedAt: number | undefined
  #notifiedLeading = false

  constructor(options: LeaderOptions) {
    this.#options = options
    this.#timing = options.timing ?? TIMING
  }

  /** Asks the clock each time: a process that was stopped for longer than the deadline is no leader when it wakes. */
  isLeader(): boolean {
    if (this.#renewedAt === undefined) return false
    return this.#options.clock.now() - this.#renewedAt < this.#timing.renewDeadline
  }

  /** The guard for KubeClient.guarded. */
  readonly assertLeader = (): void => {
    if (!this.isLeader())
      throw new NotLeaderError('this replica does not lead (any more): nothing is written')
  }

  /** Who leads, as far as this replica knows; '' between two leaders. */
  get holder(): string {
    return this.#observed?.lease.spec?.holderIdentity ?? ''
  }

  /** Acquires, renews, loses and acquires again until the signal aborts; then gives the Lease back. */
  async run(signal: AbortSignal): Promise<void> {
    const { random = Math.random, log } = this.#options
    while (!signal.aborted) {
      await this.#tryAcquireOrRenew(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ reason: errorMessage(error) }, 'cannot read or renew the lease')
      })
      this.#notify()
      // The waiting replicas spread out, as client-go's do; the leader keeps its beat.
      const pause = this.isLeader() ? this.#timing.retry : this.#timing.retry * (1 + 1.2 * random())
      await this.#waitForRetry(pause, signal)
    }
    await this.#release()
  }

  /** The pause, cut short where leadership ends within it, so that this is told in time. */
  async #waitForRetry(pause: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.clock, Math.min(pause, this.#untilDeadline()), signal)
    this.#notify()
  }

  async #tryAcquireOrRenew(signal: AbortSignal): Promise<void> {
    // One PUT every 2 s and no GET while nobody interferes.
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

  /** Counted from when this process first saw that renewal, by the duration that its holder promised. */
  #isHeldByAnother({ spec }: Lease): boolean {
    const holder = spec?.holderIdentity ?? ''
    if (holder === '' || holder === this.#options.identity || this.#observed === undefined) return false
    const duration = (spec?.leaseDurationSeconds ?? this.#timing.lease / 1000) * 1000
    return this.#options.clock.now() - this.#observed.at < duration
  }

  async #release(): Promise<void> {
    const leading = this.isLeader()
    // From here on nothing is written, whether the API server hears of it or not.
    this.#renewedAt = undefined
    this.#notify()
    if (!leading) return
    await this.#releaseLease()
      // The renewal that the end interrupted may have arrived all the same.
      .catch(async (error: unknown) => {
        if (failureOf(error).kind !== 'conflict') throw error
        await this.#read(AbortSignal.timeout(RELEASE_TIMEOUT))
        await this.#releaseLease()
      })
      .catch((error: unknown) => {
        const words = 'could not give the lease back; the next leader waits until it expires'
        this.#options.log.warn({ reason: errorMessage(error) }, words)
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

  /** An attempt ends before leadership does, so that there is time for another one. */
  #limits(signal: AbortSignal): { timeout: number; signal: AbortSignal } {
    const patience = this.#timing.renewDeadline / 2
    return { timeout: Math.max(Math.min(patience, this.#untilDeadline()), 1), signal }
  }

  #untilDeadline(): number {
    if (this.#renewedAt === undefined || !this.isLeader()) return Number.POSITIVE_INFINITY
    return this.#renewedAt + this.#timing.renewDeadline - this.#options.clock.now()
  }

  #notify(): void {
    const leading = this.isLeader()
    if (leading === this.#notifiedLeading) return
    this.#notifiedLeading = leading
    this.#options.log.info({ holder: this.holder }, leading ? 'leading' : 'not leading any more')
    this.#options.onChange?.(leading)
  }
}
