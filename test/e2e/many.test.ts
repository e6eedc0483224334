import { setTimeout as sleep } from 'node:timers/promises'
import type { V1CronJob } from '@kubernetes/client-node'
import { beforeAll, expect, it } from 'vitest'
import { describeWithCluster } from '../cluster/namespace.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { seedWorld } from '../support/world.ts'
import { DATABASE, PATIENCE } from './runs.ts'
import { useRelease } from './release.ts'
import type { Release } from './release.ts'

const SCHEDULES = 1_000

const name = (index: number): string => `one-of-many-${String(index).padStart(4, '0')}`

/** The number of concurrent requests, like those of a client tool. */
async function each(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      await work(index)
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
}

/** A suspended Job, because the node has no room for a thousand pods. */
async function createSuspendedJob({ here }: Release, { metadata, spec }: V1CronJob): Promise<void> {
  if (spec?.jobTemplate.spec === undefined) throw new Error('a CronJob without a template')
  const { labels, annotations } = spec.jobTemplate.metadata ?? {}
  const { name: owner = '', uid = '' } = metadata ?? {}
  const controller = { apiVersion: 'batch/v1', kind: 'CronJob', name: owner, uid, controller: true }
  await here.admin.batch.createNamespacedJob({
    namespace: here.name,
    body: {
      metadata: {
        name: `job-of-${owner}`,
        ...(labels && { labels }),
        ...(annotations && { annotations }),
        ownerReferences: [controller],
      },
      spec: Object.assign(spec.jobTemplate.spec, { suspend: true }),
    },
  })
}

type Summary = {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string }
    readonly memory?: { readonly workingSetBytes?: number }
  }[]
}

/** The working set of the container in MiB, which counts for evictions. */
async function operatorMemory(release: Release): Promise<number> {
  const text = await release.kubectl('get', '--raw', '/api/v1/nodes/node1/proxy/stats/summary')
  const { pods } = JSON.parse(text) as Summary
  const found = pods.find(
    ({ podRef }) => podRef.namespace === release.here.name && podRef.name.includes('operator'),
  )
  return (found?.memory?.workingSetBytes ?? NaN) / 1024 / 1024
}

/** Checks that neither the kernel nor a probe has restarted the operator. */
async function expectNoRestart(release: Release): Promise<void> {
  const counts = await release.kubectl(
    'get',
    'pods',
    '--selector=app.kubernetes.io/component=operator',
    '--output=jsonpath={.items[*].status.containerStatuses[0].restartCount}',
  )
  expect(counts).toMatch(/^0( 0)*$/)
}

describeWithCluster(`an operator with the chart's memory limit and ${SCHEDULES} schedules`, () => {
  const release = useRelease('e2e-many')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: 1 })
  })

  it('handles them and their Jobs, also after a restart', async () => {
    const { schedules, here } = release
    // The operator may lag: the run may have ended before its acknowledgement.
    const runOne = async (token: string): Promise<void> => {
      await schedules.request('one-more', token)
      const { lastRun } = await schedules.status(
        'one-more',
        `after the run ${token}`,
        ({ lastHandledRunRequest, active = [], lastRun }) =>
          lastHandledRunRequest === token && active.length === 0 && lastRun !== undefined,
        PATIENCE,
      )
      expect(lastRun).toMatchObject({ verdict: 'Findings' })
    }
    await each(SCHEDULES, (index) => schedules.create(name(index), { database: DATABASE, suspend: true }))
    const cronJobs = await until(
      'all CronJobs',
      async () => {
        const { items } = await here.admin.batch.listNamespacedCronJob({ namespace: here.name })
        return items.length === SCHEDULES ? items : undefined
      },
      { ...PATIENCE, intervalMs: 1_000 },
    )
    await each(SCHEDULES, (index) => createSuspendedJob(release, cronJobs[index]!))
    await schedules.create('one-more', { database: DATABASE })
    await runOne('first')
    await sleep(10_000)
    const before = await operatorMemory(release)
    await expectNoRestart(release)
    await release.kubectl('delete', 'pod', '--selector=app.kubernetes.io/component=operator')
    await runOne('second')
    await sleep(10_000)
    const after = await operatorMemory(release)
    await expectNoRestart(release)
    process.stdout.write(
      `operator with ${SCHEDULES} schedules: ${before.toFixed(0)} MiB, restarted ${after.toFixed(0)} MiB\n`,
    )
    expect(Math.max(before, after)).toBeLessThan(256)
  })
})
