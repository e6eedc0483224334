// An installation for some namespaces, with a Role in each of them and no other permission.
import { beforeAll, expect, it } from 'vitest'
import type { Lease } from '../../../operator/kube/leader.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { startProxy } from '../../support/proxy.ts'
import { createNamespace } from '../../../scripts/control-plane/access.ts'
import { auditPosition, auditedWrites } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import type { TestNamespace } from '../namespace.ts'
import { isReady, metric } from '../operator-http.ts'
import { grantInNamespace } from '../../../scripts/control-plane/operator-role.ts'
import { startOperatorProcess } from '../run-operator.ts'
import { is, schedulesIn } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The timeout: a forbidden list is retried after at most half a minute with jitter, and a process may start slowly. */
const RETRIED = { timeoutMs: 75_000 }
const COLLECTED = { timeoutMs: 90_000 }

describeWithCluster('an operator that may read some of its namespaces', () => {
  const file = useNamespace('refused')
  beforeAll(() => installCrd(file.admin))

  const namespace = (name: string): TestNamespace => ({
    name,
    cluster: file.cluster,
    admin: file.admin,
    kubelet: file.kubelet,
  })
  /** Creates two namespaces with the operator's Role, and the Lease in the first. */
  async function install(user: string) {
    const [a, b] = [
      await createNamespace(file.cluster, 'team-a'),
      await createNamespace(file.cluster, 'team-b'),
    ]
    await grantInNamespace(file.admin, a, user, { withLease: true })
    await grantInNamespace(file.admin, b, user)
    const setup = {
      cluster: file.cluster,
      namespace: a,
      user: { name: user },
      flags: ['--namespaces', `${a},${b}`],
    }
    return { a, b, setup, inA: schedulesIn(namespace(a)), inB: schedulesIn(namespace(b)) }
  }
  const becomesReady = async (schedules: Schedules, name: string): Promise<void> => {
    await schedules.status(name, 'Ready', is('Ready', 'True'), RETRIED)
  }
  const readable = (url: string, name: string) =>
    metric(url, `rapidrmf_operator_namespace_readable{namespace="${name}"}`)
  const untilReadable = (url: string, name: string, value: number) =>
    until(
      `${name} to be ${value === 1 ? 'readable' : 'refused'}`,
      async () => ((await readable(url, name)) === value ? true : undefined),
      RETRIED,
    )

  it.concurrent(
    'continues without a deleted namespace, also after a restart, and uses it after its recreation',
    async () => {
      const { a, b, setup, inA, inB } = await install('deleted-namespace')
      const first = await startOperatorProcess(setup)
      await inA.create('kept')
      await inB.create('lost')
      await Promise.all([becomesReady(inA, 'kept'), becomesReady(inB, 'lost')])
      await first.stop('SIGTERM')
      await file.admin.core.deleteNamespace({ name: b })
      await until(
        'the end of the namespace',
        async () => ((await inA.find(RESOURCES.namespaces, b)) === undefined ? true : undefined),
        COLLECTED,
      )

      const { url } = await startOperatorProcess(setup)
      await inA.create('made-after')
      await becomesReady(inA, 'made-after')
      await inA.patch('kept', [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
      await inA.status('kept', 'changed', ({ observedGeneration }) => observedGeneration === 2)
      expect(await isReady(url)).toBe(true)
      expect([await readable(url, a), await readable(url, b)]).toEqual([1, 0])
      expect(await metric(url, 'rapidrmf_operator_leader')).toBe(1)

      await file.admin.core.createNamespace({ body: { metadata: { name: b } } })
      await grantInNamespace(file.admin, b, 'deleted-namespace')
      await inB.create('made-again')
      await becomesReady(inB, 'made-again')
      expect(await readable(url, b)).toBe(1)
    },
    240_000,
  )

  it.concurrent(
    'changes nothing in a namespace without permission while it leads, and catches up later',
    async () => {
      const { b, setup, inA, inB } = await install('lost-role')
      const proxy = await startProxy(Number(new URL(file.cluster.server).port))
      const server = proxy.through(file.cluster.server).replace(/\/$/, '')
      const { url } = await startOperatorProcess({ ...setup, cluster: { ...file.cluster, server } })
      await inA.create('kept')
      await inB.create('left', { suspend: true })
      await Promise.all([becomesReady(inA, 'kept'), becomesReady(inB, 'left')])
      const run = await inB.runNow('left', 'once')

      const name = 'rapidrmf-operator'
      const role = await file.admin.rbac.readNamespacedRoleBinding({ namespace: b, name })
      await file.admin.rbac.deleteNamespacedRoleBinding({ namespace: b, name })
      // An open watch continues without the permission.
      proxy.drop()
      await untilReadable(url, b, 0)
      const position = auditPosition(file.cluster.auditLog)
      await inB.client.remove(RESOURCES.jobs, { namespace: b, name: run.job })
      await inB.patch('left', [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
      await inA.create('made-after')
      await becomesReady(inA, 'made-after')
      expect(await isReady(url)).toBe(true)
      const left = (await inB.read('left')).status
      expect(left).toMatchObject({ observedGeneration: 1, active: [{ jobUID: run.uid }] })
      const filter = { since: position, namespace: b, user: 'lost-role' }
      expect(await auditedWrites(file.cluster.auditLog, filter)).toEqual([])

      const { metadata, roleRef, subjects = [] } = role
      const body = { metadata: { name: metadata?.name ?? '' }, roleRef, subjects }
      await file.admin.rbac.createNamespacedRoleBinding({ namespace: b, body })
      const { lastRun } = await inB.status(
        'left',
        'done',
        ({ observedGeneration }) => observedGeneration === 2,
        RETRIED,
      )
      expect(lastRun).toMatchObject({ jobUID: run.uid, reason: 'JobDeleted' })
      expect((await inB.cronJobOf('left')).spec['schedule']).toBe('0 3 * * *')
      expect(await readable(url, b)).toBe(1)
    },
    180_000,
  )

  it.concurrent(
    'is not ready and takes no Lease if it may read none of them, so that another replica can',
    async () => {
      const { a, setup, inA } = await install('sighted')
      await file.admin.rbac.createNamespacedRole({
        namespace: a,
        body: {
          metadata: { name: 'blind' },
          rules: [
            { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
          ],
        },
      })
      const blind = { kind: 'User', name: 'blind', apiGroup: 'rbac.authorization.k8s.io' }
      await file.admin.rbac.createNamespacedRoleBinding({
        namespace: a,
        body: {
          metadata: { name: 'blind' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'blind' },
          subjects: [blind],
        },
      })
      const first = await startOperatorProcess({ ...setup, user: { name: 'blind' } })
      const message = await until(
        'a reason',
        async () => {
          const text = await fetch(`${first.url}/readyz`)
            .then((answer) => answer.text())
            .catch(() => '')
          return text.includes('no namespace can be read') ? text : undefined
        },
        RETRIED,
      )
      expect(message).toMatch(/User "blind" cannot (list|watch) resource/)
      expect(await isReady(first.url)).toBeUndefined()

      const second = await startOperatorProcess(setup)
      await inA.create('led')
      await becomesReady(inA, 'led')
      const at = { namespace: a, name: 'rapidrmf-operator' }
      const { spec, metadata } = await inA.client.get<Lease>(RESOURCES.leases, at)
      expect(spec?.leaseTransitions ?? 0).toBe(0)
      expect(metadata.managedFields?.map(({ operation }) => operation)).toEqual(['Update'])
      expect(await metric(first.url, 'rapidrmf_operator_leader')).toBe(0)
      expect(await metric(second.url, 'rapidrmf_operator_leader')).toBe(1)
      expect((await fetch(`${first.url}/healthz`)).status).toBe(200)
    },
    120_000,
  )
})
