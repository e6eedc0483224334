import { expect, test } from 'vitest'
import type { V1CronJob, V1Job } from '@kubernetes/client-node'
import { kubeconfig } from '../../../scripts/control-plane/access.ts'
import { auditedWrites, auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const podTemplate = {
  spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'example.com/job:1' }] },
}

function cronJob(name: string, timeZone: string): V1CronJob {
  const jobTemplate = { spec: { template: podTemplate } }
  return { metadata: { name }, spec: { schedule: '0 2 * * *', timeZone, jobTemplate } }
}

function job(name: string, spec: Partial<V1Job['spec']> = {}): V1Job {
  return { metadata: { name }, spec: { backoffLimit: 0, template: podTemplate, ...spec } }
}

describeWithCluster('the test cluster', () => {
  const here = useNamespace('cluster')
  const create = (body: V1Job): Promise<V1Job> =>
    here.admin.batch.createNamespacedJob({ namespace: here.name, body })

  test('accepts a CronJob with a time zone, and refuses an unknown zone with an error', async () => {
    const { batch } = here.admin
    const namespace = here.name
    const made = await batch.createNamespacedCronJob({ namespace, body: cronJob('good', 'Europe/Berlin') })
    expect(made.spec?.timeZone).toBe('Europe/Berlin')

    const refused = batch.createNamespacedCronJob({ namespace, body: cronJob('bad', 'Mars/Base') })
    await expect(refused).rejects.toMatchObject({
      code: 422,
      body: expect.stringContaining('unknown time zone Mars/Base'),
    })
  })

  test('completes a Job when the test, as a kubelet, ends its pod', async () => {
    await create(job('passes'))
    const pod = await here.kubelet.podOf('passes')
    expect(pod.status?.phase).toBe('Pending')

    const done = await here.kubelet.finish('passes', { exitCode: 0, message: '{"verdict":"Passed"}' })
    expect(done?.status).toMatchObject({ succeeded: 1 })
    const after = await here.admin.core.readNamespacedPod({
      namespace: here.name,
      name: pod.metadata?.name ?? '',
    })
    expect(after.status?.containerStatuses?.[0]?.state).toMatchObject({
      terminated: { exitCode: 0, message: '{"verdict":"Passed"}' },
    })
    expect(after.status?.containerStatuses?.[0]?.state?.running).toBeUndefined()
  })

  test('fails a Job by its podFailurePolicy', async () => {
    const podFailurePolicy = {
      rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [2] } }],
    }
    await create(job('refuses', { backoffLimit: 5, podFailurePolicy }))
    const failed = await here.kubelet.finish('refuses', { exitCode: 2 })
    expect(failed?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Failed', status: 'True', reason: 'PodFailurePolicy' }),
    )
  })

  test('replaces a pod that was disrupted, without counting a failure', async () => {
    const podFailurePolicy = {
      rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
    }
    await create(job('evicted', { podFailurePolicy }))
    const first = await here.kubelet.podOf('evicted')
    await here.kubelet.disrupted(first, 'EvictionByEvictionAPI')
    const second = await here.kubelet.podOf('evicted')
    expect(second.metadata?.uid).not.toBe(first.metadata?.uid)
    const done = await here.kubelet.finish('evicted', { exitCode: 0 })
    expect(done?.status).toMatchObject({ succeeded: 1 })
  })

  test('shows stuck pods like a kubelet and a scheduler', async () => {
    await create(job('stuck'))
    const pod = await here.kubelet.podOf('stuck')
    const unschedulable = await here.kubelet.unschedulable(pod, '0/3 nodes are available')
    expect(unschedulable.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }),
    )
    const waiting = await here.kubelet.waiting(pod, 'ImagePullBackOff', 'Back-off pulling image')
    expect(waiting.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('ImagePullBackOff')
    const running = await here.kubelet.running(pod)
    expect(running.status?.containerStatuses?.[0]?.state?.waiting).toBeUndefined()
    expect(running.status?.phase).toBe('Running')
  })

  test('forbids what RBAC does not grant, and allows what a role binding grants', async () => {
    const jane = connect(kubeconfig(here.cluster, { name: 'jane', groups: ['auditors'] }))
    const read = () => jane.batch.listNamespacedCronJob({ namespace: here.name })
    await expect(read()).rejects.toMatchObject({
      code: 403,
      body: expect.stringContaining('User \\"jane\\" cannot list resource \\"cronjobs\\"'),
    })
    await here.admin.rbac.createNamespacedRoleBinding({
      namespace: here.name,
      body: {
        metadata: { name: 'auditors' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'auditors' }],
      },
    })
    // The authorizer reads bindings from its own cache, which lags.
    await until('the role binding to take effect', () => read().catch(() => undefined))
  })

  test('counts the writes of each user in the audit log, forbidden ones included', async () => {
    const since = auditPosition(here.cluster.auditLog)
    const mallory = connect(kubeconfig(here.cluster, { name: 'mallory' }))
    const body = { metadata: { name: 'counted' }, data: {} }
    await here.admin.core.createNamespacedConfigMap({ namespace: here.name, body })
    await here.admin.core.readNamespacedConfigMap({ namespace: here.name, name: 'counted' })
    await here.admin.core.replaceNamespacedConfigMap({ namespace: here.name, name: 'counted', body })
    const refused = mallory.core.deleteNamespacedConfigMap({ namespace: here.name, name: 'counted' })
    await expect(refused).rejects.toMatchObject({ code: 403 })

    const filter = { since, namespace: here.name, resource: 'configmaps', name: 'counted' }
    const all = await auditedWrites(here.cluster.auditLog, filter)
    expect(all.map(({ user, verb, code }) => `${user} ${verb} ${code}`)).toEqual([
      'admin create 201',
      'admin update 200',
      'mallory delete 403',
    ])
    expect(await auditedWrites(here.cluster.auditLog, { ...filter, user: 'admin' })).toHaveLength(2)
  })
})
