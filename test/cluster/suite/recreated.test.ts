// Schedules that are deleted and recreated while the garbage collector or the operator's watch does not see it.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { OPERATOR } from '../../../scripts/control-plane/access.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import { startCluster } from '../../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../../scripts/control-plane/cluster.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { createJobByHand } from '../job-by-hand.ts'
import { describeWithCluster } from '../namespace.ts'
import type { TestNamespace } from '../namespace.ts'
import { playKubelet } from '../play-kubelet.ts'
import { call, holdBack } from '../requests.ts'
import { startOperator } from '../run-operator.ts'
import { conditionOf, is, schedulesIn } from '../schedules.ts'
import type { CronJob, Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { TlsProxy } from '../tls-proxy.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const LONG = { timeoutMs: 60_000 }

describeWithCluster('a schedule that is deleted', () => {
  let cluster: Cluster
  let here: TestNamespace
  let schedules: Schedules
  let proxy: TlsProxy
  let stop: () => Promise<void>

  beforeAll(async () => {
    cluster = await startCluster({ prepare: (kubeconfig) => installCrd(connect(kubeconfig)) })
    const admin = connect(cluster.kubeconfig())
    const name = await cluster.createNamespace('recreated')
    here = { name, cluster: cluster.access, admin, kubelet: playKubelet(admin, name) }
    schedules = schedulesIn(here)
    proxy = await startTlsProxy(cluster.access)
    stop = startOperator({ cluster: proxy.access, namespace: name })
  }, 120_000)
  afterAll(async () => {
    await stop()
    await cluster.stop()
  })

  const becomesReady = async (name: string, spec = {}): Promise<CronJob> => {
    await schedules.create(name, spec)
    await schedules.status(name, 'Ready', is('Ready', 'True'), LONG)
    return schedules.cronJobOf(name)
  }
  /** Stops the garbage collector, which may still finish its current work. */
  const pauseControllers = async (): Promise<void> => {
    cluster.pause('kube-controller-manager')
    await sleep(1_000)
  }
  /** Checks that the CronJob belongs to the new schedule only. */
  const expectTakenOver = async (name: string, environment: string): Promise<CronJob> => {
    await schedules.status(name, 'Ready', is('Ready', 'True'), LONG)
    const { metadata } = await schedules.read(name)
    const cronJob = await schedules.cronJobOf(name)
    expect(cronJob.metadata.labels).toMatchObject({ 'rapidrmf.io/schedule-uid': metadata.uid })
    expect(cronJob.metadata.ownerReferences).toMatchObject([{ uid: metadata.uid, controller: true }])
    expect(JSON.stringify(cronJob.spec)).toContain(`--env=${environment}`)
    return cronJob
  }

  it('and recreated without a garbage collector adopts the old CronJob, and reports what blocks it', async () => {
    const old = await becomesReady('stuck', { environment: 'production' })
    const { job } = await createJobByHand(schedules, 'stuck', 'of-the-old-one')
    await pauseControllers()
    await schedules.remove('stuck')
    await schedules.create('stuck', { environment: 'staging' })
    const waiting = await schedules.status('stuck', 'waiting', is('Ready', 'False', 'WaitingForCleanup'))
    const message = conditionOf(waiting, 'Ready')?.message
    expect(message).toContain('still belongs to a deleted schedule')
    expect(message).not.toContain('until the CronJob')

    const taken = await expectTakenOver('stuck', 'staging')
    expect(taken.metadata.uid).toBe(old.metadata.uid)
    const status = await schedules.status('stuck', 'held up', (found) =>
      (conditionOf(found, 'Ready')?.message ?? '').includes('waits for'),
    )
    expect(conditionOf(status, 'Ready')?.message).toContain(`waits for ${job}`)
    expect(status).not.toHaveProperty('active')
    expect(status).not.toHaveProperty('lastRun')

    // The garbage collector then finds an owner that exists.
    cluster.resume('kube-controller-manager')
    await schedules.client.remove(RESOURCES.jobs, { namespace: here.name, name: job })
    await schedules.status(
      'stuck',
      'free',
      (found) => !(conditionOf(found, 'Ready')?.message ?? '').includes('waits for'),
      LONG,
    )
    await sleep(3_000)
    expect((await expectTakenOver('stuck', 'staging')).metadata.uid).toBe(old.metadata.uid)
  }, 120_000)

  it('and recreated with a refused spec suspends the old CronJob', async () => {
    const name = 'refused'
    await becomesReady(name)
    await pauseControllers()
    await schedules.remove(name)
    await schedules.create(name, { timeZone: 'Mars/Base' })
    await until(
      'the old CronJob to be suspended',
      async () => ((await schedules.cronJobOf(name)).spec['suspend'] === true ? true : undefined),
      LONG,
    )
    cluster.resume('kube-controller-manager')
    await schedules.patch(name, [{ op: 'replace', path: '/spec/timeZone', value: 'Etc/UTC' }])
    expect((await expectTakenOver(name, 'production')).spec['suspend']).toBe(false)
  }, 120_000)

  it.each([1, 2])(
    'and recreated at the restart of the API server gets its CronJob (%d)',
    async (round) => {
      const name = `crash-${round}`
      await becomesReady(name, { environment: 'production' })
      await cluster.restartApiServer()
      await schedules.remove(name)
      await schedules.create(name, { environment: 'staging' })
      await expectTakenOver(name, 'staging')
    },
    240_000,
  )

  it.each([
    ['before its CronJob is made', true],
    ['after that', false],
  ])(
    'while the watch of schedules is stopped gets no new objects: %s',
    async (_when, isFirst) => {
      const name = `frozen-${isFirst ? 'first' : 'later'}`
      const isOurs = (write: string) => write === `create cronjobs ${childName(name)}`
      const since = cluster.auditPosition()
      const freeze = (): void => {
        proxy.line = (line, { path }) => (path.endsWith('/validationschedules') ? undefined : line)
      }
      if (isFirst) {
        const { fault, reached, release } = holdBack(call('POST', 'cronjobs', name))
        proxy.fault = fault
        await schedules.create(name)
        await reached
        freeze()
        await schedules.remove(name)
        release()
        proxy.fault = undefined
      } else {
        await becomesReady(name)
        freeze()
        await schedules.remove(name)
      }
      await sleep(5_000)
      const writes = await schedules.writes(since, childName(name))
      expect(writes.filter(isOurs)).toHaveLength(1)
      proxy.line = undefined
      proxy.breakWatches()
      // A new schedule can use the name, whether or not the old CronJob has been collected.
      await becomesReady(name, { environment: 'staging' })
      await expectTakenOver(name, 'staging')
    },
    120_000,
  )

  it('on a cluster that checks owner references needs the permission to delete what is adopted', async () => {
    const name = 'checked'
    await becomesReady(name)
    await cluster.restartApiServer({
      'enable-admission-plugins': 'NodeRestriction,OwnerReferencesPermissionEnforcement',
    })
    await schedules.patchCronJob(name, [{ op: 'remove', path: '/metadata/ownerReferences' }])
    const refused = await schedules.status(name, 'refused', is('Stalled', 'True', 'Forbidden'), LONG)
    expect(conditionOf(refused, 'Stalled')?.message).toContain(
      "cannot set an ownerRef on a resource you can't delete",
    )

    const { rbac } = here.admin
    const metadata = { name: 'test:owner-references' }
    const rules = [{ apiGroups: ['batch'], resources: ['cronjobs'], verbs: ['delete'] }]
    await rbac.createClusterRole({ body: { metadata, rules } })
    await rbac.createClusterRoleBinding({
      body: {
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: OPERATOR }],
      },
    })
    await schedules.request(name, 'look again')
    await schedules.status(name, 'repaired', is('Ready', 'True'), LONG)
    expect((await schedules.cronJobOf(name)).metadata.ownerReferences).toHaveLength(1)
  }, 120_000)
})
