// Returns the operator's metrics in a described situation, produced by the operator's code.
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { createCaches } from '../../operator/cache/caches.ts'
import type { KubeClient } from '../../operator/kube/client.ts'
import { Metrics } from '../../operator/metrics/metrics.ts'
import type { CachedCronJob, CachedSchedule } from '../../operator/cache/projections.ts'
import { fakeClock } from '../unit/operator/fake-clock.ts'

export type Sample = {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  /** The value as text, because `NaN` and `+Inf` are not JSON. */
  readonly value: string
}

export type World = {
  /** The time in milliseconds since the epoch. */
  readonly now: number
  readonly schedules?: readonly CachedSchedule[]
  readonly cronJobs?: readonly CachedCronJob[]
  readonly leads?: boolean
  /** The number of notifications that could not be sent. */
  readonly lostNotices?: number
  /** The namespaces of an installation for some namespaces. */
  readonly namespaces?: readonly string[]
  readonly unreadable?: string
}

export async function exposed({
  now,
  schedules = [],
  cronJobs = [],
  leads = true,
  lostNotices = 0,
  namespaces = ['*'],
  unreadable,
}: World): Promise<Sample[]> {
  const clock = fakeClock(new Date(now))
  const log = pino({ level: 'silent' })
  // The caches are filled directly, without an API server.
  const client = {} as KubeClient
  const caches = createCaches({ client, namespaces: undefined, clock, log, onChange: () => {} })
  for (const schedule of schedules) caches.schedules.store.set(schedule)
  for (const cronJob of cronJobs) caches.cronJobs.store.set(cronJob)
  const metrics = new Metrics({
    caches,
    coverage: { namespaces, isReadable: (namespace) => namespace !== unreadable },
    clock,
    isLeader: () => leads,
    queueDepth: () => 0,
    droppedEvents: () => 0,
  })
  metrics.reconcileDone(0.01, 'done')
  for (let lost = 0; lost < lostNotices; lost += 1) metrics.noticeDone('failed')
  return (await text(metrics.scrape()))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseSample)
}

function parseSample(line: string): Sample {
  const [, metric = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
  return { metric, labels: Object.fromEntries(pairs.map(([, name = '', text = '']) => [name, text])), value }
}
