import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeRunSummary } from '../../../crds/run-summary.ts'
import type { ValidationScheduleStatus } from '../../../crds/validation-schedule.ts'
import type { KubeClient } from '../../../operator/kube/client.ts'
import { failureOf } from '../../../operator/kube/errors.ts'
import type { Lease } from '../../../operator/kube/leader.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import type { KubeObject } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/plan/names.ts'
import { auditPosition, auditedWrites } from '../audit-log.ts'
import { kubeconfig } from '../access.ts'
import { installCrd } from '../crd.ts'
import { kubeClient } from '../kube-client.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { IMAGE, OPERATOR, startOperator, startOperatorProcess } from '../run-operator.ts'
import { until } from '../until.ts'

type Schedule = KubeObject & { readonly status?: ValidationScheduleStatus }

describeWithCluster('the operator', () => {
  const here = useNamespace('operator')
  let client: KubeClient
  let stop: () => Promise<unknown>

  beforeAll(async () => {
    await installCrd(here.admin)
    // Not the operator's own name, or what the tests set would be taken for its own.
    client = kubeClient(kubeconfig(here.cluster), { fieldManager: 'a-person' })
    stop = startOperator(here.cluster, here.name)
    // Its slot comes while the others are tested.
    await apply('minutely', { schedule: '* * * * *', concurrencyPolicy: 'Forbid' })
  })
  afterAll(async () => {
    await stop()
  })

  const apply = (name: string, spec: object = {}, metadata: object = {}): Promise<Schedule> =>
    client.create<Schedule>(RESOURCES.schedules, {
      apiVersion: 'rapidrmf.io/v1alpha1',
      kind: 'ValidationSchedule',
      metadata: { name, namespace: here.name, ...metadata },
      spec: {
        environment: 'production',
        schedule: '0 2 * * *',
        config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
        ...spec,
      },
    })
  const at = (name: string) => ({ namespace: here.name, name })
  const read = (name: string) => client.get<Schedule>(RESOURCES.schedules, at(name))
  const cronJobOf = (name: string) =>
    client.get<KubeObject & { spec: Record<string, unknown> }>(RESOURCES.cronJobs, at(childName(name)))
  /** The status, as soon as it is so. */
  const status = (
    name: string,
    what: string,
    holds: (status: ValidationScheduleStatus) => boolean,
  ): Promise<ValidationScheduleStatus> => {
    let last: ValidationScheduleStatus = {}
    return until(`${name}: ${what}`, async () => {
      last = (await read(name)).status ?? {}
      return holds(last) ? last : undefined
    }).catch((error: unknown) => {
      throw new Error(`the status is ${JSON.stringify(last, null, 2)}`, { cause: error })
    })
  }
  const is = (type: string, value: string) => (status: ValidationScheduleStatus) =>
    status.conditions?.some((condition) => condition.type === type && condition.status === value) ?? false
  const patch = async (name: string, operations: Parameters<KubeClient['patch']>[2]): Promise<unknown> =>
    until(`${name}: changed`, async () => {
      const { metadata } = await read(name)
      const { resourceVersion = '' } = metadata
      return client
        .patch(RESOURCES.schedules, { ...at(name), resourceVersion }, operations)
        .catch((error: unknown) => {
          if (failureOf(error).kind !== 'conflict') throw error
          return undefined
        })
    })
  const request = (name: string, token: string): Promise<unknown> =>
    patch(name, [
      { op: 'add', path: '/metadata/annotations', value: { 'rapidrmf.io/run-requested-at': token } },
    ])
  const runNow = async (name: string, token: string): Promise<string> => {
    await request(name, token)
    const { active } = await status(
      name,
      'a run',
      ({ lastHandledRunRequest }) => lastHandledRunRequest === token,
    )
    return active?.[0]?.job ?? ''
  }
  const uidOf = async (job: string): Promise<string> =>
    (await client.get(RESOURCES.jobs, at(job))).metadata.uid ?? ''

  /** What the operator wrote since then, but its Lease and events. */
  const writes = async (since: number, name = ''): Promise<string[]> =>
    (await auditedWrites(here.cluster.auditLog, { since, namespace: here.name, user: OPERATOR.name }))
      .filter(({ resource }) => resource !== 'leases' && resource !== 'events')
      .filter((write) => write.name?.startsWith(name))
      .map(({ verb, resource, subresource, name }) =>
        [verb, resource, subresource, name].filter(Boolean).join(' '),
      )

  it('makes the CronJob, in two writes', async () => {
    const position = auditPosition(here.cluster.auditLog)
    await apply('plain')
    const { cronJobName, nextScheduleTime } = await status('plain', 'Ready', is('Ready', 'True'))
    expect(cronJobName).toBe(childName('plain'))
    expect(nextScheduleTime).toMatch(/T02:00:00Z$/)
    const { spec } = await cronJobOf('plain')
    expect(JSON.stringify(spec)).toContain(IMAGE)
    expect(await writes(position, 'plain')).toEqual([
      `create cronjobs ${childName('plain')}`,
      'update validationschedules status plain',
    ])
  })

  it('has nothing to correct on what the API server makes of a full spec', async () => {
    await apply('full', {
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
    await status('full', 'Ready', is('Ready', 'True'))
    const before = await cronJobOf('full')
    // Somebody else owns a field with our value: now whatever the API server filled in is looked at, too.
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
    await request('full', 'look')
    await status('full', 'looked at', ({ lastHandledRunRequest }) => lastHandledRunRequest === 'look')
    expect((await cronJobOf('full')).metadata.resourceVersion).toBe(theirs.metadata?.resourceVersion)
  })

  it('runs on request, and mirrors the run from its start to its end', async () => {
    await apply('manual', { suspend: true })
    await status('manual', 'Ready', is('Ready', 'True'))
    const position = auditPosition(here.cluster.auditLog)
    const job = await runNow('manual', 'first')
    const uid = await uidOf(job)
    await here.kubelet.finish(job, { exitCode: 0, message: summary(uid) })
    const { lastRun, recentRuns, active } = await status(
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
    await status('manual', 'Compliant', is('Compliant', 'True'))
    expect(await writes(position, 'manual')).toEqual([
      `create jobs ${job}`,
      'update validationschedules status manual',
      'update validationschedules status manual',
    ])
  })

  it.each([
    ['out-of-memory', { exitCode: 137, reason: 'OOMKilled' }, 'Errored', 'OutOfMemory'],
    ['full-heap', { exitCode: 139 }, 'Errored', 'OutOfMemory'],
    ['configuration', { exitCode: 2 }, 'Errored', 'InvalidInput'],
    ['no-summary', { exitCode: 0 }, 'Errored', 'NoRunRecord'],
    ['hostile', { exitCode: 0, message: '{"version":1,\u0000<script>' }, 'Errored', 'NoRunRecord'],
  ])('says how a run ended: %s', async (name, ending, verdict, reason) => {
    await apply(name, { suspend: true, job: { backoffLimit: 0 } })
    const job = await runNow(name, 'once')
    await here.kubelet.finish(job, ending)
    const { lastRun } = await status(name, 'lastRun', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ verdict, reason })
  })

  it('says why a run does not start, and that its Job was deleted', async () => {
    await apply('stuck', { suspend: true })
    const job = await runNow('stuck', 'once')
    const pod = await here.kubelet.podOf(job)
    await here.kubelet.waiting(pod, 'ErrImagePull', 'no such image')
    const { active } = await status('stuck', 'a reason', ({ active }) => active?.[0]?.reason !== undefined)
    expect(active).toMatchObject([{ job, reason: 'ImagePullBackOff', message: 'no such image' }])
    await client.remove(RESOURCES.jobs, at(job))
    const { lastRun } = await status('stuck', 'lastRun', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ verdict: 'Errored', reason: 'JobDeleted' })
  })

  describe('puts right what others do to its CronJob', () => {
    const change = async (name: string, operations: Parameters<KubeClient['patch']>[2]): Promise<void> => {
      const { metadata } = await cronJobOf(name)
      const { resourceVersion = '' } = metadata
      await client.patch(RESOURCES.cronJobs, { ...at(childName(name)), resourceVersion }, operations)
    }
    beforeAll(async () => {
      await apply('edited')
      await status('edited', 'Ready', is('Ready', 'True'))
    })

    it('an owned field', async () => {
      await change('edited', [{ op: 'replace', path: '/spec/suspend', value: true }])
      await until('the repair', async () =>
        (await cronJobOf('edited')).spec['suspend'] === false ? true : undefined,
      )
    })

    it('a field that it does not set', async () => {
      const path = '/spec/jobTemplate/spec/template/spec/nodeSelector'
      await change('edited', [{ op: 'add', path, value: { a: 'b' } }])
      await until('the repair', async () =>
        JSON.stringify(await cronJobOf('edited')).includes('"nodeSelector":{') ? undefined : true,
      )
    })

    it('a removed label', async () => {
      await change('edited', [{ op: 'remove', path: '/metadata/labels/rapidrmf.io~1schedule-uid' }])
      await until('the repair', async () =>
        (await cronJobOf('edited')).metadata.labels?.['rapidrmf.io/schedule-uid'] === undefined
          ? undefined
          : true,
      )
    })

    it('its deletion', async () => {
      const { metadata } = await cronJobOf('edited')
      await client.remove(RESOURCES.cronJobs, at(childName('edited')))
      await until('a new one', async () =>
        cronJobOf('edited').then(
          (found) => (found.metadata.uid === metadata.uid ? undefined : true),
          () => undefined,
        ),
      )
    })
  })

  it('leaves the CronJob of somebody else alone, and takes the name when it is free', async () => {
    const spec = {
      schedule: '0 0 1 1 *',
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'x', image: 'x' }] } } },
      },
    }
    const name = childName('taken')
    await client.create(RESOURCES.cronJobs, {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: at(name),
      spec,
    })
    await apply('taken')
    await status('taken', 'Stalled', is('Stalled', 'True'))
    expect((await cronJobOf('taken')).spec['schedule']).toBe('0 0 1 1 *')
  })

  it('takes over an orphan', async () => {
    await apply('orphan')
    await status('orphan', 'Ready', is('Ready', 'True'))
    await client.remove(RESOURCES.schedules, at('orphan'), { propagation: 'Orphan' })
    await until('its end', () =>
      read('orphan').then(
        () => undefined,
        () => true,
      ),
    )
    const { metadata } = await apply('orphan')
    await status('orphan', 'Ready', is('Ready', 'True'))
    const [owner] = (await cronJobOf('orphan')).metadata.ownerReferences ?? []
    expect(owner?.uid).toBe(metadata.uid)
  })

  it('says in the API server’s words what is wrong with a spec, and recovers', async () => {
    await apply('wrong')
    await status('wrong', 'Ready', is('Ready', 'True'))
    await patch('wrong', [{ op: 'replace', path: '/spec/schedule', value: '0 25 * * *' }])
    const refused = await status('wrong', 'refused', is('Accepted', 'False'))
    expect(refused.conditions?.[0]?.message).toMatch(/above maximum \(23\)/)
    expect((await cronJobOf('wrong')).spec['schedule']).toBe('0 2 * * *')
    await patch('wrong', [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
    await status('wrong', 'recovered', is('Accepted', 'True'))
    expect((await cronJobOf('wrong')).spec['schedule']).toBe('0 3 * * *')
  })

  it('says why there is no pod', async () => {
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
    await apply('poor', { suspend: true })
    await runNow('poor', 'once')
    const { active } = await status('poor', 'a reason', ({ active }) => active?.[0]?.reason !== undefined)
    expect(active).toMatchObject([
      { reason: 'FailedCreate', message: expect.stringContaining('exceeded quota') as string },
    ])
    await client.remove({ group: '', version: 'v1', plural: 'resourcequotas' }, at('no-pods'))
  })

  it('mirrors a run of the schedule, with its slot', async () => {
    const { active = [] } = await status('minutely', 'a run', ({ active = [] }) => active.length > 0)
    const [run] = active
    expect(run).toMatchObject({
      trigger: 'Schedule',
      scheduledTime: expect.stringMatching(/:00Z$/) as string,
    })
    const uid = run?.jobUID ?? ''
    await here.kubelet.finish(run?.job ?? '', { exitCode: 0, message: summary(uid) })
    const { lastRun, lastScheduleTime } = await status(
      'minutely',
      'lastRun',
      ({ lastRun }) => lastRun !== undefined,
    )
    expect(lastRun).toMatchObject({ jobUID: uid, trigger: 'Schedule', late: false, verdict: 'Passed' })
    expect(lastScheduleTime).toBe(run?.scheduledTime)
    await patch('minutely', [{ op: 'replace', path: '/spec/suspend', value: true }])
    const suspended = await status(
      'minutely',
      'Suspended',
      ({ observedGeneration }) => observedGeneration === 2,
    )
    expect(suspended).not.toHaveProperty('nextScheduleTime')
  }, 90_000)

  it('tells each transition in one event', async () => {
    const { metadata } = await read('manual')
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

  it('writes nothing when it starts again', async () => {
    await stop()
    const position = auditPosition(here.cluster.auditLog)
    stop = startOperator(here.cluster, here.name)
    // When this one is done, all have been looked at.
    await apply('last')
    await status('last', 'Ready', is('Ready', 'True'))
    expect(await writes(position)).toEqual([
      `create cronjobs ${childName('last')}`,
      'update validationschedules status last',
    ])
  })

  it('as a process of its own takes over at once, and leaves with exit code 0 when told to', async () => {
    await stop()
    const operator = startOperatorProcess(here.cluster, here.name)
    stop = () => operator.stop()
    await apply('by-process')
    await status('by-process', 'Ready', is('Ready', 'True'))
    expect(await operator.stop()).toBe(0)
    const lease = await client.get<Lease>(RESOURCES.leases, at('rapidrmf-operator'))
    expect(lease.spec?.holderIdentity).toBe('')
  })
})

function summary(runKey: string): string {
  return encodeRunSummary({
    version: 1,
    runKey,
    runId: 7,
    environment: 'production',
    final: true,
    status: 'success',
    verdict: 'Passed',
    reason: 'AllControlsPassed',
    message: 'all 12 results pass',
    startedAt: null,
    finishedAt: null,
    counts: {
      systems: 3,
      controls: 4,
      results: 12,
      pass: 12,
      notPass: 0,
      fail: 0,
      insufficientEvidence: 0,
      unknown: 0,
      errors: 0,
    },
  })
}
