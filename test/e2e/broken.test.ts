import { beforeAll, expect, it } from 'vitest'
import { describeWithCluster } from '../cluster/namespace.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { attemptsOf, CONTROLS, DATABASE, finished, inDatabase, PATIENCE, podsOf, runToEnd } from './runs.ts'
import { useRelease } from './release.ts'

const SYSTEMS = 150

describeWithCluster('pods that fail', () => {
  const release = useRelease('e2e-broken')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: SYSTEMS })
  })

  it.each([
    ['is not on the node', 'absent', { image: 'absent:1', imagePullPolicy: 'Never' }, /ErrImageNeverPull/],
    [
      'cannot be pulled',
      'unreachable',
      { image: 'registry.invalid/absent:1' },
      /ErrImagePull|ImagePullBackOff/,
    ],
  ])('an image that %s is the reason of the active run until the deadline', async (_, name, pod, reason) => {
    const { schedules } = release
    await schedules.create(name, {
      database: DATABASE,
      job: { activeDeadlineSeconds: 15, backoffLimit: 0, pod },
    })
    const { uid } = await schedules.runNow(name, 'first')
    await schedules.status(name, 'stuck', ({ active }) => reason.test(active?.[0]?.reason ?? ''), PATIENCE)
    expect(await finished(release, name, uid)).toMatchObject({
      verdict: 'Errored',
      reason: 'DeadlineExceeded',
    })
    await until('the event', async () => (await schedules.eventsOf(name)).includes('RunStuck') || undefined)
  })

  it.each([
    // A heap above the container's limit: the kernel kills the process.
    ['killed by the kernel', 'oom-killed', { limits: { memory: '32Mi' } }, '--max-old-space-size=4000'],
    // A heap below the need of the run: Node aborts.
    ['at the end of its heap', 'heap', { limits: { memory: '256Mi' } }, '--max-old-space-size=6'],
  ])('a container that is %s ends the run with OutOfMemory', async (_, name, resources, options) => {
    const env = [{ name: 'NODE_OPTIONS', value: options }]
    await release.schedules.create(name, {
      database: DATABASE,
      job: { backoffLimit: 0, pod: { resources, env } },
    })
    const { lastRun, job } = await runToEnd(release, name)
    const [pod] = await podsOf(release, job)
    const { exitCode, reason } = pod?.status?.containerStatuses?.[0]?.state?.terminated ?? {}
    process.stdout.write(`${name}: exit code ${exitCode}, ${reason}\n`)
    expect(lastRun).toMatchObject({ verdict: 'Errored', reason: 'OutOfMemory' })
  })

  it('a pod of 128 MiB validates 500 systems', async () => {
    const { database, schedules } = release
    await seedWorld(database.client, { environment: 'large', systems: 500 })
    await schedules.create('large', {
      database: DATABASE,
      environment: 'large',
      job: { backoffLimit: 0, pod: { resources: { limits: { memory: '128Mi' } } } },
    })
    const { lastRun, uid } = await runToEnd(release, 'large')
    expect(lastRun).toMatchObject({ verdict: 'Findings', counts: { systems: 500 } })
    await expectExactlyOnce(database.client, uid, 500 * CONTROLS)
  })

  it('an eviction during a run causes a new pod, counts as no retry, and duplicates no row', async () => {
    const { here, database, schedules } = release
    await schedules.create('evicted', {
      database: DATABASE,
      job: { backoffLimit: 0, pod: { resources: { limits: { cpu: '200m' } } } },
    })
    const { uid, job } = await schedules.runNow('evicted', 'first')
    await inDatabase(database, uid, 'results')
    const [victim] = await podsOf(release, job)
    const name = victim?.metadata?.name ?? ''
    await here.admin.core.createNamespacedPodEviction({
      namespace: here.name,
      name,
      body: { metadata: { name, namespace: here.name } },
    })
    expect(await finished(release, 'evicted', uid)).toMatchObject({ verdict: 'Findings' })
    await expectExactlyOnce(database.client, uid, SYSTEMS * CONTROLS)
    const { status } = await here.admin.batch.readNamespacedJob({ namespace: here.name, name: job })
    expect(status).toMatchObject({ succeeded: 1 })
    expect(status?.failed ?? 0).toBe(0)
    expect(await attemptsOf(database, uid)).toEqual(['interrupted', 'success'])
  })
})
