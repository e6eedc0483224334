import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createCaches } from '../../../../operator/cache/caches.ts'
import type { KubeClient } from '../../../../operator/kube/client.ts'
import { Metrics } from '../../../../operator/metrics/metrics.ts'
import { fakeClock } from '../fake-clock.ts'

const NOW = new Date('2026-11-24T02:00:00Z')

function operatorMetrics(droppedEvents: () => number): Metrics {
  const clock = fakeClock(NOW)
  const log = pino({ level: 'silent' })
  const caches = createCaches({
    client: {} as KubeClient,
    namespaces: undefined,
    clock,
    log,
    onChange: () => {},
  })
  return new Metrics({
    caches,
    coverage: { namespaces: ['*'], isReadable: () => true },
    clock,
    isLeader: () => true,
    queueDepth: () => 7,
    droppedEvents,
  })
}

it('names counters with _total, and nothing else', async () => {
  const exposition = await text(operatorMetrics(() => 0).scrape())
  const families = [...exposition.matchAll(/^# TYPE (rapidrmf_\w+) (\w+)$/gm)]
  expect(families.length).toBeGreaterThan(20)
  for (const [, name = '', type] of families)
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
})

it('reads totals that other objects keep anew at each scrape', async () => {
  let dropped = 3
  const metrics = operatorMetrics(() => dropped)
  expect(await text(metrics.scrape())).toMatch(/^rapidrmf_operator_events_dropped_total 3$/m)
  dropped = 5
  const exposition = await text(metrics.scrape())
  expect(exposition).toMatch(/^rapidrmf_operator_events_dropped_total 5$/m)
  for (const resource of ['schedules', 'cronJobs', 'jobs', 'pods']) {
    expect(exposition).toContain(`rapidrmf_operator_watch_restarts_total{resource="${resource}"} 0\n`)
  }
})
