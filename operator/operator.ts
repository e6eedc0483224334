import type { Logger } from 'pino'
import { createCaches } from './cache/caches.ts'
import type { Caches } from './cache/caches.ts'
import type { Clock } from '../common/clock.ts'
import { ClusterClock } from './clock/cluster-clock.ts'
import type { OperatorConfig } from './config.ts'
import { Coverage } from './cache/coverage.ts'
import { KubeClient } from './kube/client.ts'
import type { PooledConfig } from './kube/connection.ts'
import { EventRecorder } from './kube/events.ts'
import { LeaderElector } from './kube/leader.ts'
import { splitKey } from './kube/object.ts'
import { Metrics } from './metrics/metrics.ts'
import { FIELD_MANAGER } from './cache/projections.ts'
import { Notices } from './notices/notices.ts'
import { NoticeQueue } from './notices/notices-queue.ts'
import { noticeSink } from './notices/notices-sink.ts'
import type { NoticeSink } from './notices/notices-sink.ts'
import type { JobDefaults } from './plan/inputs/job-defaults.ts'
import { WorkQueue } from './queue/queue.ts'
import type { Work } from './queue/queue.ts'
import { Reconciler } from './reconcile/reconcile.ts'
import { startServer } from './metrics/server.ts'
import type { HealthCheck } from './metrics/server.ts'

export type OperatorOptions = {
  readonly config: Readonly<OperatorConfig>
  readonly kube: PooledConfig
  /** Unique for each process. */
  readonly identity: string
  readonly clock: Clock
  readonly log: Logger
  /** Aborted to stop: the operator accepts no more work, finishes running reconciles, and releases the Lease. */
  readonly signal: AbortSignal
}

/** Delay of each event while schedules wait: a status contains everything that an event says. */
const EVENT_PAUSE_MS = 500

/** Time for the remaining events and notices at shutdown; the statuses contain the same information. */
const DRAIN_TIMEOUT_MS = 2_000

/** Runs the operator until the signal aborts. */
export async function runOperator(options: OperatorOptions): Promise<void> {
  const { config, kube, log, signal } = options
  const parts = createParts(options)
  const { caches, coverage, queue, elector, noticeSink: sink } = parts
  const server = await startServer({
    host: config.host,
    port: config.port,
    health: { watches: watchesAlive(caches) },
    readiness: { caches: () => coverage.problem() },
    metrics: parts.metrics,
  })
  const { namespaces = 'all', image } = config
  log.info({ port: server.port, namespaces, image, notices: sink?.host ?? 'off' }, 'started')

  const watching = new AbortController()
  const watches = Promise.all(Object.values(caches).map((cache) => cache.run(watching.signal)))
  // A replica that cannot read anything must not become leader in place of one that can.
  await Promise.race([coverage.synced, aborted(signal)])
  const leading = new AbortController()
  let election = Promise.resolve()
  if (!signal.aborted) {
    log.info({ schedules: caches.schedules.store.size }, 'caches synced')
    queue.start()
    election = elector.run(leading.signal)
  }
  await aborted(signal)

  log.info('stopping')
  await queue.drain()
  await Promise.all([parts.events.drain(DRAIN_TIMEOUT_MS), parts.noticeQueue?.drain(DRAIN_TIMEOUT_MS)])
  leading.abort()
  await election
  watching.abort()
  await watches
  await server.close()
  await kube.destroy()
  log.info('stopped')
}

/** The long-lived objects of one operator. */
type Parts = CoveredCaches &
  NoticeParts & {
    readonly clock: Clock
    readonly queue: WorkQueue
    readonly elector: LeaderElector
    readonly events: EventRecorder
    readonly reconciler: Reconciler
    readonly metrics: Metrics
  }

/** Creates and connects the parts. Their callbacks run later, when `parts` is complete. */
function createParts(options: OperatorOptions): Parts {
  const { config, kube, log } = options
  const clock = new ClusterClock(options.clock)
  const client = new KubeClient(kube, {
    fieldManager: FIELD_MANAGER,
    onDate: (date) => clock.observe(date),
  })
  const queue = new WorkQueue({
    workers: config.workers,
    clock,
    handle: (key, work) => reconcileKey(parts, key, work),
    onError: (key, error) => {
      parts.metrics.reconcileDone(0, 'bug')
      log.error({ schedule: key, err: error }, 'a reconcile failed unexpectedly, retrying after backoff')
    },
  })
  const { caches, coverage } = createCoveredCaches(options, client, clock, queue)
  const elector = new LeaderElector({
    client,
    namespace: config['lease-namespace'],
    name: config['lease-name'],
    identity: options.identity,
    log,
    clock,
    onChange: (isLeader) => (isLeader ? startTerm(parts) : parts.notices?.endTerm()),
  })
  const guarded = client.guarded(elector.assertLeader)
  const events = new EventRecorder({
    client: guarded,
    controller: 'rapidrmf.io/operator',
    instance: options.identity,
    pause: () => (queue.isBusy ? EVENT_PAUSE_MS : 0),
    log,
    clock,
  })
  const notices = createNotices(options, clock, elector, (result) => parts.metrics.noticeDone(result))
  const reconciler = new Reconciler({
    client: guarded,
    caches,
    coverage,
    events,
    defaults: jobDefaults(config),
    clock,
    log,
    queue,
    notices: notices.notices,
  })
  const metrics = new Metrics({
    caches,
    coverage,
    clock,
    isLeader: () => elector.isLeader(),
    queueDepth: () => queue.depth,
    droppedEvents: () => events.dropped,
  })
  const parts: Parts = { clock, queue, caches, coverage, elector, events, ...notices, reconciler, metrics }
  return parts
}

type CoveredCaches = { readonly caches: Caches; readonly coverage: Coverage }

function createCoveredCaches(
  { config: { namespaces }, log }: OperatorOptions,
  client: KubeClient,
  clock: Clock,
  queue: WorkQueue,
): CoveredCaches {
  const caches = createCaches({
    client,
    namespaces,
    clock,
    log,
    onChange: (key) => queue.add(key),
    onAccess: () => coverage.update(),
  })
  const coverage: Coverage = new Coverage({
    caches,
    namespaces,
    log,
    onReadable: (namespace) => addAll(caches, queue, namespace),
  })
  return { caches, coverage }
}

/** All are undefined if no webhook is configured. */
type NoticeParts = {
  readonly noticeSink: NoticeSink | undefined
  readonly noticeQueue: NoticeQueue | undefined
  readonly notices: Notices | undefined
}

function createNotices(
  { config, log }: OperatorOptions,
  clock: Clock,
  elector: LeaderElector,
  onResult: (result: 'sent' | 'failed') => void,
): NoticeParts {
  const sink = noticeSink(config, clock)
  if (sink === undefined) return { noticeSink: undefined, noticeQueue: undefined, notices: undefined }
  const noticeQueue = new NoticeQueue({
    send: (event, signal) => sink.send(event, signal),
    isLeader: () => elector.isLeader(),
    onResult,
    log,
    clock,
  })
  return { noticeSink: sink, noticeQueue, notices: new Notices(noticeQueue) }
}

/** Queues all schedules: the previous leader may have left work undone, or done work that was not reported. */
function startTerm({ caches, queue, reconciler }: Parts): void {
  reconciler.startTerm()
  addAll(caches, queue)
}

/** Reconciles one key if this replica leads, and requeues the key by the result. */
async function reconcileKey(
  { clock, elector, metrics, queue, reconciler }: Parts,
  key: string,
  work: Work,
): Promise<void> {
  if (!elector.isLeader()) return
  const startedAt = clock.now()
  const result = await reconciler.reconcile(key, work)
  metrics.reconcileDone((clock.now() - startedAt) / 1000, result.kind)
  if (result.kind === 'backOff' || result.kind === 'stale') {
    queue.retry(key, result.kind === 'backOff' ? result.atLeast : 0)
    return
  }
  queue.forget(key)
  if (result.kind === 'postponed') queue.postpone(key)
  else if (result.kind === 'done' && result.requeueAt !== undefined) {
    queue.addAfter(key, Math.max(result.requeueAt - clock.date().getTime(), 1))
  }
}

/** Queues all schedules of a namespace; `*` stands for all namespaces. */
function addAll({ schedules }: Caches, queue: WorkQueue, namespace = '*'): void {
  for (const key of schedules.store.keys()) {
    if (namespace === '*' || splitKey(key).namespace === namespace) queue.add(key)
  }
}

function jobDefaults(config: Readonly<OperatorConfig>): JobDefaults {
  const {
    image,
    'image-pull-policy': imagePullPolicy,
    'allowed-images': allowedImages,
    'allowed-service-accounts': allowedServiceAccounts,
  } = config
  return {
    image,
    imagePullPolicy,
    allowedImages,
    allowedServiceAccounts,
  }
}

function watchesAlive(caches: Caches): HealthCheck {
  return () => {
    const dead = Object.entries(caches)
      .filter(([, { reflectors }]) => reflectors.some(({ isAlive }) => !isAlive))
      .map(([resource]) => resource)
    return dead.length === 0 ? undefined : `stuck watches: ${dead.join(', ')}`
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
