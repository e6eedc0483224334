import type { Logger } from 'pino'
import { createCaches } from './cache/caches.ts'
import type { Caches } from './cache/caches.ts'
import type { Clock } from './clock/clock.ts'
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
import type { JobDefaults } from './plan/inputs/job-defaults.ts'
import { WorkQueue } from './queue/queue.ts'
import type { Work } from './queue/queue.ts'
import { Reconciler } from './reconcile/reconcile.ts'
import { startServer } from './metrics/server.ts'
import type { HealthCheck } from './metrics/server.ts'

export type OperatorOptions = {
  readonly config: Readonly<OperatorConfig>
  readonly kube: PooledConfig
  /** Different for each process. */
  readonly identity: string
  readonly clock: Clock
  readonly log: Logger
  /** Aborted: stop taking work, finish what is at hand, give the Lease back. */
  readonly signal: AbortSignal
}

/** How long events wait while schedules do: they say nothing that a status does not. */
const EVENT_PAUSE_MS = 500

/** Events and notices are told after everything else, but not for long: what they say is in the statuses. */
const LAST_WORDS_MS = 2_000

/** Runs until the signal aborts. */
export async function runOperator(options: OperatorOptions): Promise<void> {
  const { config, kube, log, signal } = options
  const clock = new ClusterClock(options.clock)
  const client = new KubeClient(kube, { fieldManager: FIELD_MANAGER, onDate: (date) => clock.observe(date) })
  const watching = new AbortController()
  const leading = new AbortController()
  const queue: WorkQueue = new WorkQueue({
    workers: config.workers,
    clock,
    handle: (key, how) => work(key, how),
    onError: (key, error) => {
      metrics.reconcileDone(0, 'bug')
      log.error({ schedule: key, err: error }, 'a reconcile failed unexpectedly; trying again')
    },
  })
  const caches = createCaches({
    client,
    namespaces: config.namespaces,
    clock,
    log,
    onChange: (key) => queue.add(key),
    onAccess: () => coverage.update(),
  })
  const coverage: Coverage = new Coverage({
    caches,
    namespaces: config.namespaces,
    log,
    onReadable: (namespace) => addAll(caches, queue, namespace),
  })
  const elector = new LeaderElector({
    client,
    namespace: config['lease-namespace'],
    name: config['lease-name'],
    identity: options.identity,
    log,
    clock,
    onChange: (isLeader) => {
      if (!isLeader) {
        notices?.endTerm()
        return
      }
      reconciler.startTerm()
      // Whatever the last leader left undone, and whatever it did that nobody has looked at since.
      addAll(caches, queue)
    },
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
  const sink = noticeSink(config, clock)
  const noticeQueue =
    sink &&
    new NoticeQueue({
      send: (event, stopped) => sink.send(event, stopped),
      isLeader: () => elector.isLeader(),
      onResult: (result) => metrics.noticeDone(result),
      log,
      clock,
    })
  const notices = noticeQueue && new Notices(noticeQueue)
  const reconciler = new Reconciler({
    client: guarded,
    caches,
    coverage,
    events,
    defaults: jobDefaults(config),
    clock,
    log,
    queue,
    notices,
  })
  const metrics = new Metrics({
    caches,
    coverage,
    clock,
    isLeader: () => elector.isLeader(),
    queueDepth: () => queue.depth,
    droppedEvents: () => events.dropped,
  })
  const work = async (key: string, how: Work): Promise<void> => {
    if (!elector.isLeader()) return
    const startedAt = clock.now()
    const result = await reconciler.reconcile(key, how)
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

  const server = await startServer({
    ...(config.host === undefined ? {} : { host: config.host }),
    port: config.port,
    health: { watches: watchesAlive(caches) },
    readiness: { caches: () => coverage.problem() },
    metrics,
  })
  log.info(
    {
      port: server.port,
      namespaces: config.namespaces ?? 'all',
      image: config.image,
      notices: sink?.host ?? 'off',
    },
    'started',
  )
  const watches = Promise.all(Object.values(caches).map((cache) => cache.run(watching.signal)))
  // A replica that cannot read anything must not keep one that can from leading.
  await Promise.race([coverage.synced, aborted(signal)])
  let election = Promise.resolve()
  if (!signal.aborted) {
    log.info({ schedules: caches.schedules.store.size }, 'caches synced')
    queue.start()
    election = elector.run(leading.signal)
  }
  await aborted(signal)

  log.info('stopping')
  await queue.drain()
  await Promise.all([events.drain(LAST_WORDS_MS), noticeQueue?.drain(LAST_WORDS_MS)])
  leading.abort()
  await election
  watching.abort()
  await watches
  await server.close()
  await kube.destroy()
  log.info('stopped')
}

/** Puts all schedules into the queue, or those of one namespace; `*` is all of them. */
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
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    ...(allowedImages === undefined ? {} : { allowedImages }),
    ...(allowedServiceAccounts === undefined ? {} : { allowedServiceAccounts }),
  }
}

function watchesAlive(caches: Caches): HealthCheck {
  return () => {
    const dead = Object.entries(caches)
      .filter(([, { reflectors }]) => reflectors.some(({ isAlive }) => !isAlive))
      .map(([resource]) => resource)
    return dead.length === 0 ? undefined : `no sign of life from the watch of ${dead.join(', ')}`
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
