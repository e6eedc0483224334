import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Caches } from '../cache/caches.ts'
import type { Clock } from '../../common/clock.ts'
import type { Coverage } from '../cache/coverage.ts'
import { ExpectedSlots } from './expected-slots.ts'
import { keyOf } from '../kube/object.ts'
import { scheduleMetrics } from './schedule-metrics.ts'

export type MetricsOptions = {
  readonly caches: Caches
  readonly coverage: Pick<Coverage, 'namespaces' | 'isReadable'>
  readonly clock: Clock
  readonly isLeader: () => boolean
  readonly queueDepth: () => number
  readonly droppedEvents: () => number
}

/**
 * The operator's own metrics and, on the leader only, those of the schedules, which would otherwise be counted twice.
 */
export class Metrics {
  readonly #options: MetricsOptions
  readonly #registry = new Registry()
  readonly #slots = new ExpectedSlots()
  readonly #duration: Histogram
  readonly #errors: Counter<'result'>
  readonly #notices: Counter<'result'>

  constructor(options: MetricsOptions) {
    this.#options = options
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#duration = new Histogram({
      name: 'rapidrmf_operator_reconcile_duration_seconds',
      help: 'How long it took to bring one schedule to where it should be.',
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10],
      registers,
    })
    this.#errors = new Counter({
      name: 'rapidrmf_operator_reconcile_errors_total',
      help: 'Reconciles that failed and are done again: `backOff` after an error of the API server, `bug` after an error of the operator.',
      labelNames: ['result'],
      registers,
    })
    for (const result of ['backOff', 'bug']) this.#errors.inc({ result }, 0)
    this.#notices = new Counter({
      name: 'rapidrmf_operator_notices_total',
      help: 'Notices to the configured webhook: `sent`, or `failed` after some minutes of tries.',
      labelNames: ['result'],
      registers,
    })
    for (const result of ['sent', 'failed']) this.#notices.inc({ result }, 0)
    this.#gauges()
    this.#counters()
  }

  reconcileDone(seconds: number, result: 'done' | 'postponed' | 'stale' | 'backOff' | 'drop' | 'bug'): void {
    this.#duration.observe(seconds)
    if (result === 'backOff' || result === 'bug') this.#errors.inc({ result })
  }

  /** Counts the final result of a notice. */
  noticeDone(result: 'sent' | 'failed'): void {
    this.#notices.inc({ result })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  async *scrape(): AsyncGenerator<string> {
    yield await this.#registry.metrics()
    if (this.#options.isLeader()) yield* this.#schedules()
  }

  #schedules(): Generator<string> {
    const { caches, clock } = this.#options
    const now = clock.date().getTime()
    const cronJobs = caches.cronJobs.store
    const uids = new Set([...cronJobs.values()].map(({ uid }) => uid))
    this.#slots.keepOnly((uid) => uids.has(uid))
    return scheduleMetrics([...caches.schedules.store.values()], ({ namespace, uid, status }) => {
      const cronJob = cronJobs.get(keyOf({ namespace, name: status.cronJobName ?? '' }))
      return cronJob?.controller?.uid === uid
        ? this.#slots.of(cronJob, status.cronJob?.slotsSince ?? '', now)
        : 0
    })
  }

  #gauges(): void {
    const { isLeader, queueDepth, caches, coverage } = this.#options
    const values: readonly (readonly [name: string, help: string, read: () => number])[] = [
      ['leader', 'Whether this replica leads.', () => Number(isLeader())],
      ['queue_depth', 'Schedules that wait for a worker.', queueDepth],
      ['schedules', 'Schedules that this replica knows.', () => caches.schedules.store.size],
    ]
    for (const [name, help, read] of values) {
      this.#registry.registerMetric(
        new Gauge({
          name: `rapidrmf_operator_${name}`,
          help,
          registers: [],
          collect() {
            this.set(read())
          },
        }),
      )
    }
    const readable = new Gauge({
      name: 'rapidrmf_operator_namespace_readable',
      help: 'Whether all objects of the namespace can be read; `*` stands for all namespaces.',
      labelNames: ['namespace'],
      registers: [],
      collect() {
        for (const namespace of coverage.namespaces) {
          this.set({ namespace }, Number(coverage.isReadable(namespace)))
        }
      },
    })
    this.#registry.registerMetric(readable)
  }

  /** Counters whose totals other objects keep. They are read at each scrape. */
  #counters(): void {
    const { droppedEvents, caches } = this.#options
    const dropped = new Counter({
      name: 'rapidrmf_operator_events_dropped_total',
      help: 'Events that could not be sent.',
      registers: [],
      collect() {
        this.reset()
        this.inc(droppedEvents())
      },
    })
    const restarts = new Counter({
      name: 'rapidrmf_operator_watch_restarts_total',
      help: 'Connections of a watch after its first, since the start.',
      labelNames: ['resource'],
      registers: [],
      collect() {
        this.reset()
        for (const [resource, { reflectors }] of Object.entries(caches)) {
          this.inc(
            { resource },
            reflectors.reduce((sum, reflector) => sum + reflector.restarts, 0),
          )
        }
      },
    })
    this.#registry.registerMetric(dropped)
    this.#registry.registerMetric(restarts)
  }
}
