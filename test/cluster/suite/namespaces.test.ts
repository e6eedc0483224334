import { afterAll, beforeAll, expect, it } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { createNamespace, OPERATOR } from '../../../scripts/control-plane/access.ts'
import { auditedWrites } from '../../../scripts/control-plane/audit-log.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import { startCluster } from '../../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../../scripts/control-plane/cluster.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { playKubelet } from '../play-kubelet.ts'
import { startOperator } from '../run-operator.ts'
import { is, schedulesIn, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

describeWithCluster('one of two namespaces', () => {
  let doomed = ''
  const operated = useOperator('survivor', {
    flags: () => ['--namespaces', `${operated.here.name},${doomed}`],
  })
  const { here } = operated

  it('is deleted during a run: the operator stops there, and continues in the other', async () => {
    await operated.stop()
    doomed = await createNamespace(here.cluster, 'doomed')
    operated.start()
    const there = {
      ...here,
      name: doomed,
      cluster: here.cluster,
      admin: here.admin,
      kubelet: playKubelet(here.admin, doomed),
    }
    const schedules = schedulesIn(there)
    for (const name of ['one', 'two', 'three', 'four']) {
      await schedules.create(name, { suspend: true })
      const { job } = await schedules.runNow(name, 'once')
      await there.kubelet.running(await there.kubelet.podOf(job))
    }
    await operated.schedules.create('elsewhere', { suspend: true })
    const elsewhere = await operated.schedules.runNow('elsewhere', 'once')

    const position = operated.position()
    await here.admin.core.deleteNamespace({ name: doomed })
    await until(
      'the end of the namespace',
      async () => {
        const found = await operated.schedules.find(RESOURCES.namespaces, doomed)
        return found === undefined ? true : undefined
      },
      { timeoutMs: 90_000 },
    )
    const end = operated.position()

    // The run of the other namespace ends normally, and a new schedule works.
    await here.kubelet.finish(elsewhere.job, { exitCode: 0, message: summaryText(elsewhere.uid) })
    await operated.schedules.status('elsewhere', 'Passed', is('Compliant', 'True'))
    await operated.schedules.create('begun-after')
    await operated.schedules.status('begun-after', 'Ready', is('Ready', 'True'))

    const filter = { namespace: doomed, user: OPERATOR }
    const { auditLog } = here.cluster
    const made = (await auditedWrites(auditLog, { ...filter, since: position })).filter(
      ({ verb, code }) => verb === 'create' && code < 300,
    )
    expect(made).toEqual([])
    expect(await auditedWrites(auditLog, { ...filter, since: end })).toEqual([])
  }, 120_000)

  itIsStillAtWork(operated)
})

describeWithCluster('a namespace that is being deleted', () => {
  let cluster: Cluster
  let schedules: Schedules
  let namespace: string
  let stop: () => Promise<void>

  beforeAll(async () => {
    cluster = await startCluster()
    const admin = connect(cluster.kubeconfig())
    await installCrd(admin)
    namespace = await cluster.createNamespace('closing')
    const kubelet = playKubelet(admin, namespace)
    schedules = schedulesIn({ name: namespace, cluster: cluster.access, admin, kubelet })
    stop = startOperator({ cluster: cluster.access, namespace })
  })
  afterAll(async () => {
    await stop()
    await cluster.stop()
  })

  it('gets no new objects, and the status gives the reason', async () => {
    await schedules.create('late', { suspend: true })
    await schedules.status('late', 'Ready', is('Ready', 'True'))
    // The finalizer keeps the schedule until the end.
    cluster.pause('kube-controller-manager')
    await connect(cluster.kubeconfig()).core.deleteNamespace({ name: namespace })
    const position = cluster.auditPosition()
    await schedules.client.remove(RESOURCES.cronJobs, { namespace, name: childName('late') })
    await schedules.status('late', 'recorded', is('Ready', 'False', 'NamespaceTerminating'))
    await schedules.request('late', 'once')

    cluster.resume('kube-controller-manager')
    await until(
      'the end of the namespace',
      async () => ((await schedules.find(RESOURCES.namespaces, namespace)) === undefined ? true : undefined),
      { timeoutMs: 90_000 },
    )
    expect((await schedules.effects(position)).filter((write) => write.startsWith('create'))).toEqual([])
  }, 120_000)
})
