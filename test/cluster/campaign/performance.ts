// One scenario with one perturbation, in a new namespace.
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { createNamespace, kubeconfig, OPERATOR } from '../../../scripts/control-plane/access.ts'
import type { ClusterAccess } from '../../../scripts/control-plane/access.ts'
import { auditedWrites, auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import type { TestNamespace } from '../namespace.ts'
import { playKubelet } from '../play-kubelet.ts'
import { startOperator } from '../run-operator.ts'
import { schedulesIn } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import type { Fault, ProxiedRequest } from '../tls-proxy.ts'
import { until } from '../../../scripts/control-plane/until.ts'
import { coalesced, whileThawed } from './event-filters.ts'
import { lagging, remember } from './memory.ts'
import type { Memory } from './memory.ts'
import { outcomeOf } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import type { Perturbation } from './perturbations.ts'
import { isObjectWrite, pluralOf } from './routes.ts'
import type { Route, Routes } from './routes.ts'
import { IT } from './scenarios.ts'
import type { Scenario } from './scenarios.ts'
import { forgeClaims } from './tenant.ts'

/** The time without a write after which the operator counts as settled. */
const REST_MS = 300
/** The time that an operator with stale caches has to act on them. */
const MISLED_MS = 1_500
/** Longer than the writes of kubelet and Job controller at the end of a Job. */
const HIDDEN_MS = 2_500
const FROZEN_MS = 3_000
/** The time for another operator to start and to send a write. */
const TAKEOVER_MS = 3_000
/** The first settled state, after the creation of the schedule. */
const IS_THERE = 1

export class Performance {
  /** The number of the operator's writes through the proxy. */
  writes = 0
  rests = 0
  /** True if the perturbation happened. */
  struck: boolean
  /** The errors in the operator's log. */
  readonly errors: string[] = []
  readonly #routes: Routes
  readonly #here: TestNamespace
  readonly #schedules: Schedules
  readonly #perturbation: Perturbation
  readonly #since: number
  readonly #stops: (() => Promise<void>)[] = []
  #memory: Memory = new Map()
  #frozen: Promise<unknown> | undefined

  /** Prepares a new namespace. */
  static async prepare(
    cluster: ClusterAccess,
    routes: Routes,
    perturbation: Perturbation,
  ): Promise<Performance> {
    const since = auditPosition(cluster.auditLog)
    const admin = connect(kubeconfig(cluster))
    const name = await createNamespace(cluster, 'perturbed')
    const here = { name, cluster, admin, kubelet: playKubelet(admin, name) }
    return new Performance(routes, here, perturbation, since)
  }

  private constructor(routes: Routes, here: TestNamespace, perturbation: Perturbation, since: number) {
    this.#routes = routes
    this.#here = here
    this.#schedules = schedulesIn(here)
    this.#perturbation = perturbation
    this.#since = since
    this.struck = ['none', 'hidden', 'two leaders', 'tenant'].includes(perturbation.kind)
  }

  /**
   * True if the perturbed write did not happen: on a busy machine two changes may need one status write less, or more,
   * than when the writes were counted. This can only be the last write.
   */
  get hadNothingToStrike(): boolean {
    return 'write' in this.#perturbation && this.writes === this.#perturbation.write - 1
  }

  async play({ play }: Scenario): Promise<void> {
    const { name, kubelet } = this.#here
    this.#routes.set(name, this.#route())
    this.#start(this.#routes.access)
    if (this.#perturbation.kind === 'two leaders') {
      const elsewhere = await createNamespace(this.#here.cluster, 'second-lease')
      this.#start(this.#here.cluster, ['--lease-namespace', elsewhere])
    }
    const here = this.#here
    await play({ here, namespace: name, schedules: this.#schedules, kubelet, rest: () => this.#rest() })
  }

  async outcome(): Promise<Outcome> {
    await this.#quiet()
    return outcomeOf(this.#here, this.#schedules, this.#since)
  }

  async end(): Promise<void> {
    await this.#stop()
    await this.#here.admin.core.deleteNamespace({ name: this.#here.name })
  }

  #route(): Route {
    const perturbation = this.#perturbation
    if (perturbation.kind === 'crash') return { fault: this.#crash(perturbation) }
    if (perturbation.kind === 'late write') return { fault: this.#holdBack(perturbation) }
    const fault = (request: ProxiedRequest): undefined => {
      if (isObjectWrite(request)) this.writes++
    }
    if (perturbation.kind !== 'hidden' && perturbation.kind !== 'frozen') return { fault }
    const isMeant = (request: ProxiedRequest) =>
      perturbation.resources.some((plural) => plural === pluralOf(request))
    const filter = (lines: AsyncIterable<string>) =>
      perturbation.kind === 'hidden' ? coalesced(lines, HIDDEN_MS) : whileThawed(lines, () => this.#frozen)
    return { fault, events: (lines, request) => (isMeant(request) ? filter(lines) : lines) }
  }

  /** Cuts the operator off for good, like a crash; its successor does not use the proxy. */
  #crash({
    write,
    when,
  }: Extract<Perturbation, { kind: 'crash' }>): (request: ProxiedRequest) => Fault | undefined {
    return (request) => {
      if (this.struck) return 'drop'
      if (!isObjectWrite(request)) return undefined
      this.writes++
      if (this.writes !== write) return undefined
      this.struck = true
      this.#start(this.#here.cluster)
      return when === 'before' ? 'drop' : 'dropAfter'
    }
  }

  /** Starts a second operator with the same identity: each takes the Lease for its own. */
  #holdBack({
    write,
  }: Extract<Perturbation, { kind: 'late write' }>): (
    request: ProxiedRequest,
  ) => Promise<undefined> | undefined {
    return (request) => {
      if (this.struck || !isObjectWrite(request)) return undefined
      this.writes++
      if (this.writes !== write) return undefined
      this.struck = true
      this.#start(this.#here.cluster)
      return sleep(TAKEOVER_MS, undefined)
    }
  }

  async #rest(): Promise<void> {
    await this.#quiet()
    const rest = this.rests++
    const perturbation = this.#perturbation
    if (perturbation.kind === 'frozen' && rest === IS_THERE) {
      this.#frozen = sleep(FROZEN_MS)
      this.struck = true
    }
    if (perturbation.kind === 'tenant') await forgeClaims(this.#here, this.#schedules, IT, rest)
    if (perturbation.kind !== 'stale') return
    if (rest === perturbation.seen) this.#memory = await remember(this.#schedules.client, this.#here.name)
    if (rest === perturbation.restarted) await this.#mislead()
  }

  async #mislead(): Promise<void> {
    const truth = Promise.withResolvers<undefined>()
    const route = lagging(this.#memory, truth.promise)
    await this.#stop()
    this.#routes.set(this.#here.name, route)
    this.#start(this.#routes.access)
    await until('an operator that has read stale lists', () => (route.isBelieved() ? true : undefined))
    this.struck = true
    await sleep(MISLED_MS)
    truth.resolve(undefined)
    // Steps before the caches are current would be another race.
    await this.#quiet()
  }

  async #quiet(): Promise<void> {
    const { cluster, name: namespace } = this.#here
    const filter = { since: this.#since, namespace, user: OPERATOR }
    let [count, at] = [-1, Date.now()]
    await until('a settled operator', async () => {
      const writes = await auditedWrites(cluster.auditLog, filter)
      const { length } = writes.filter(({ resource }) => resource !== 'leases')
      if (length !== count) [count, at] = [length, Date.now()]
      return Date.now() - at >= REST_MS ? true : undefined
    })
  }

  #start(cluster: ClusterAccess, flags: readonly string[] = []): void {
    const log = pino({ level: 'error' }, into(this.errors))
    this.#stops.push(startOperator({ cluster, namespace: this.#here.name, flags, log }))
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#stops.splice(0).map((stop) => stop()))
  }
}

function into(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
}
