import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KubeClient } from '../../../operator/kube/client.ts'
import type { Lease } from '../../../operator/kube/leader.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { IMAGE, startOperator, startOperatorProcess } from '../run-operator.ts'
import { is, schedulesIn, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

describeWithCluster('the operator', () => {
  const here = useNamespace('operator')
  let schedules: Schedules
  let client: KubeClient
  const at = (name: string) => ({ namespace: here.name, name })
  let stop: () => Promise<unknown>

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    ;({ client } = schedules)
    stop = startOperator({ cluster: here.cluster, namespace: here.name })
  })
  afterAll(async () => {
    await stop()
  })

  it('creates the CronJob, in two writes', async () => {
    const position = auditPosition(here.cluster.auditLog)
    await schedules.create('plain')
    const { cronJobName, nextScheduleTime } = await schedules.status('plain', 'Ready', is('Ready', 'True'))
    expect(cronJobName).toBe(childName('plain'))
    expect(nextScheduleTime).toMatch(/T02:00:00Z$/)
    const { spec } = await schedules.cronJobOf('plain')
    expect(JSON.stringify(spec)).toContain(IMAGE)
    expect(await schedules.writes(position, 'plain')).toEqual([
      `create cronjobs ${childName('plain')}`,
      'update validationschedules status plain',
    ])
  })

  it('repairs nothing on a CronJob with the defaults of the API server', async () => {
    await schedules.create('full', {
      timeZone: 'Europe/Berlin',
      database: { urlSecretKeyRef: { name: 'db', key: 'url' } },
      job: {
        pod: {
          serviceAccountName: 'runner',
          resources: { limits: { cpu: '0.5', memory: '1024Mi' }, requests: { cpu: '0.25' } },
          volumes: [
            { name: 'ca', configMap: { name: 'ca' } },
            { name: 'tmp', emptyDir: { sizeLimit: '1024Ki' } },
            { name: 'host', hostPath: { path: '/x' } },
            { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
          ],
          volumeMounts: [{ name: 'ca', mountPath: '/ca', readOnly: false }],
          env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
          tolerations: [{ key: 'x', operator: 'Exists' }],
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 1,
                  podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } },
                },
              ],
            },
          },
          topologySpreadConstraints: [
            { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' },
          ],
        },
      },
    })
    await schedules.status('full', 'Ready', is('Ready', 'True'))
    const before = await schedules.cronJobOf('full')
    // Another manager owns a field with the operator's value: now the defaults of the API server are compared as well.
    const theirs = await here.admin.batch.patchNamespacedCronJob(
      {
        namespace: here.name,
        name: childName('full'),
        fieldManager: 'argocd',
        body: { apiVersion: 'batch/v1', kind: 'CronJob', spec: { schedule: '0 2 * * *' } },
      },
      setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
    )
    expect(theirs.metadata?.resourceVersion).not.toBe(before.metadata.resourceVersion)
    await schedules.request('full', 'look')
    await schedules.status(
      'full',
      'reconciled',
      ({ lastHandledRunRequest }) => lastHandledRunRequest === 'look',
    )
    expect((await schedules.cronJobOf('full')).metadata.resourceVersion).toBe(
      theirs.metadata?.resourceVersion,
    )
  })

  it('starts a run on request, and mirrors its start and its end', async () => {
    await schedules.create('manual', { suspend: true })
    await schedules.status('manual', 'Ready', is('Ready', 'True'))
    const position = auditPosition(here.cluster.auditLog)
    const { job, uid } = await schedules.runNow('manual', 'first')
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    const { lastRun, recentRuns, active } = await schedules.status(
      'manual',
      'lastRun',
      ({ lastRun }) => lastRun !== undefined,
    )
    expect(lastRun).toMatchObject({
      jobUID: uid,
      runId: '7',
      trigger: 'Manual',
      verdict: 'Passed',
      late: false,
    })
    expect(recentRuns).toMatchObject([{ jobUID: uid, pass: 12, notPass: 0 }])
    expect(active).toBeUndefined()
    await schedules.status('manual', 'Compliant', is('Compliant', 'True'))
    expect(await schedules.writes(position, 'manual')).toEqual([
      `create jobs ${job}`,
      'update validationschedules status manual',
      'update validationschedules status manual',
    ])
  })

  it('reports why a run does not start, and that its Job was deleted', async () => {
    await schedules.create('stuck', { suspend: true })
    const { job } = await schedules.runNow('stuck', 'once')
    const pod = await here.kubelet.podOf(job)
    await here.kubelet.waiting(pod, 'ErrImagePull', 'no such image')
    const { active } = await schedules.status(
      'stuck',
      'a reason',
      ({ active }) => active?.[0]?.reason !== undefined,
    )
    expect(active).toMatchObject([{ job, reason: 'ImagePullBackOff', message: 'no such image' }])
    await client.remove(RESOURCES.jobs, at(job))
    const { lastRun } = await schedules.status('stuck', 'lastRun', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ verdict: 'Errored', reason: 'JobDeleted' })
  })

  it('reports why there is no pod', async () => {
    await client.create(
      { group: '', version: 'v1', plural: 'resourcequotas' },
      {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: at('no-pods'),
        spec: { hard: { pods: '0' } },
      },
    )
    await until('the quota to count', async () => {
      const quota = await client.get({ group: '', version: 'v1', plural: 'resourcequotas' }, at('no-pods'))
      return (quota['status'] as { hard?: unknown } | undefined)?.hard === undefined ? undefined : true
    })
    await schedules.create('poor', { suspend: true })
    await schedules.runNow('poor', 'once')
    const { active } = await schedules.status(
      'poor',
      'a reason',
      ({ active }) => active?.[0]?.reason !== undefined,
    )
    expect(active).toMatchObject([
      { reason: 'FailedCreate', message: expect.stringContaining('exceeded quota') as string },
    ])
    await client.remove({ group: '', version: 'v1', plural: 'resourcequotas' }, at('no-pods'))
  })

  it('reports each transition in one event', async () => {
    const { metadata } = await schedules.read('manual')
    const query = { fieldSelector: `regarding.uid=${metadata.uid}` }
    const events = await until('the events', async () => {
      const { items } = await client.list(RESOURCES.events, { namespace: here.name, query })
      return items.length >= 3 ? items : undefined
    })
    expect(events.map(({ reason }) => reason as string).sort()).toEqual([
      'CronJobCreated',
      'RunPassed',
      'RunStarted',
    ])
  })

  it('writes nothing after a restart', async () => {
    await stop()
    const position = auditPosition(here.cluster.auditLog)
    stop = startOperator({ cluster: here.cluster, namespace: here.name })
    // When this schedule is done, all are reconciled.
    await schedules.create('last')
    await schedules.status('last', 'Ready', is('Ready', 'True'))
    expect(await schedules.writes(position)).toEqual([
      `create cronjobs ${childName('last')}`,
      'update validationschedules status last',
    ])
  })

  it('takes over at once as a process, and exits with 0 on SIGTERM', async () => {
    await stop()
    const operator = await startOperatorProcess({ cluster: here.cluster, namespace: here.name })
    stop = () => operator.stop()
    await schedules.create('by-process')
    await schedules.status('by-process', 'Ready', is('Ready', 'True'))
    expect(await operator.stop()).toBe(0)
    const lease = await client.get<Lease>(RESOURCES.leases, at('rapidrmf-operator'))
    expect(lease.spec?.holderIdentity).toBe('')
  })
})
