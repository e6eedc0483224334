import { isDeepStrictEqual } from 'node:util'
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import type { JsonPatch } from '../../../operator/kube/client.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { hurried } from '../hurried-clock.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { conditionOf, is } from '../schedules.ts'
import type { CronJob } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

describeWithCluster('the CronJob of a schedule', () => {
  const operated = useOperator('ownership', { clock: hurried })
  const { here } = operated
  const at = (schedule: string) => ({ namespace: here.name, name: childName(schedule) })

  const becomesReady = async (name: string, spec = {}): Promise<CronJob> => {
    await operated.schedules.create(name, spec)
    await operated.schedules.status(name, 'Ready', is('Ready', 'True'))
    return operated.schedules.cronJobOf(name)
  }

  describe('with changes by others', () => {
    const job = '/spec/jobTemplate/spec'
    const pod = `${job}/template/spec`
    const container = `${pod}/containers/0`
    const edits: [name: string, JsonPatch][] = [
      ['schedule', [{ op: 'replace', path: '/spec/schedule', value: '*/5 * * * *' }]],
      ['image', [{ op: 'replace', path: `${container}/image`, value: 'evil:1' }]],
      ['added-container', [{ op: 'add', path: `${pod}/containers/-`, value: { name: 'x', image: 'x' } }]],
      ['added-variable', [{ op: 'add', path: `${container}/env/-`, value: { name: 'X', value: '1' } }]],
      ['added-selector', [{ op: 'add', path: `${pod}/nodeSelector`, value: { disk: 'ssd' } }]],
      ['time-to-live', [{ op: 'add', path: `${job}/ttlSecondsAfterFinished`, value: 5 }]],
      ['removed-policy', [{ op: 'remove', path: `${job}/podFailurePolicy` }]],
      ['label-on-jobs', [{ op: 'remove', path: '/spec/jobTemplate/metadata/labels' }]],
      ['annotation', [{ op: 'remove', path: '/metadata/annotations/rapidrmf.io~1schedule' }]],
      ['owner', [{ op: 'remove', path: '/metadata/ownerReferences' }]],
      ['label', [{ op: 'remove', path: '/metadata/labels/rapidrmf.io~1schedule-uid' }]],
      // Zero, false, and a removed false are values that an API server may omit or default.
      ['no-time-to-live', [{ op: 'add', path: `${job}/ttlSecondsAfterFinished`, value: 0 }]],
      ['no-parallelism', [{ op: 'add', path: `${job}/parallelism`, value: 0 }]],
      ['no-completions', [{ op: 'add', path: `${job}/completions`, value: 0 }]],
      ['no-grace', [{ op: 'add', path: `${pod}/terminationGracePeriodSeconds`, value: 0 }]],
      ['root', [{ op: 'add', path: `${pod}/securityContext/runAsUser`, value: 0 }]],
      ['host-users', [{ op: 'add', path: `${pod}/hostUsers`, value: false }]],
      [
        'container-as-root',
        [
          { op: 'add', path: `${container}/securityContext/runAsUser`, value: 0 },
          { op: 'add', path: `${container}/securityContext/runAsNonRoot`, value: false },
        ],
      ],
      ['token', [{ op: 'remove', path: `${pod}/automountServiceAccountToken` }]],
      ['escalation', [{ op: 'remove', path: `${container}/securityContext/allowPrivilegeEscalation` }]],
      ['writable-root', [{ op: 'remove', path: `${container}/securityContext/readOnlyRootFilesystem` }]],
      ['retries', [{ op: 'remove', path: `${job}/backoffLimit` }]],
    ]

    const repaired = (name: string, before: CronJob): Promise<CronJob> => {
      const ours = ({ spec, metadata: { labels, annotations, ownerReferences } }: CronJob) =>
        [spec, labels, annotations?.['rapidrmf.io/schedule'], ownerReferences] as const
      return until('the repair', async () => {
        const found = await operated.schedules.cronJobOf(name)
        return isDeepStrictEqual(ours(found), ours(before)) ? found : undefined
      })
    }

    it.each(edits)('is repaired in one write, with an event: %s', async (what, operations) => {
      const { schedules } = operated
      const name = `edited-${what}`
      // The spec has `backoffLimit: 0`; the default of the API server is 6.
      const before = await becomesReady(name, { job: { backoffLimit: 0 } })
      const position = operated.position()
      await schedules.patchCronJob(name, operations)
      const { metadata } = await repaired(name, before)
      expect(metadata.uid).toBe(before.metadata.uid)
      expect(await schedules.effects(position, name)).toEqual([`update cronjobs ${childName(name)}`])
      expect(is('Ready', 'True')((await schedules.read(name)).status ?? {})).toBe(true)
      await until('the event', async () => {
        const events = await schedules.eventsOf(name)
        return isDeepStrictEqual(events, ['CronJobCreated', 'CronJobRepaired']) ? true : undefined
      })
    })

    it('is repaired after another manager has applied with force', async () => {
      const { schedules } = operated
      const before = await becomesReady('applied')
      const position = operated.position()
      await here.admin.batch.patchNamespacedCronJob(
        {
          ...at('applied'),
          fieldManager: 'argocd',
          force: true,
          body: { apiVersion: 'batch/v1', kind: 'CronJob', spec: { schedule: '0 4 * * *', suspend: true } },
        },
        setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
      )
      await repaired('applied', before)
      expect(await schedules.writes(position, 'applied')).toEqual([`update cronjobs ${childName('applied')}`])
    })

    it('is repaired when one edit removes all labels, annotations and owners', async () => {
      const { schedules } = operated
      const before = await becomesReady('trimmed')
      await schedules.patchCronJob('trimmed', [
        { op: 'remove', path: '/metadata/labels' },
        { op: 'remove', path: '/metadata/annotations' },
        { op: 'remove', path: '/metadata/ownerReferences' },
        { op: 'replace', path: '/spec/suspend', value: true },
      ])
      await repaired('trimmed', before)
      expect(is('Ready', 'True')((await schedules.read('trimmed')).status ?? {})).toBe(true)
    })

    it('is repaired regardless of its annotations', async () => {
      const { schedules } = operated
      const before = await becomesReady('annotated')
      const { nextScheduleTime } = (await schedules.read('annotated')).status ?? {}
      const position = operated.position()
      for (const text of ['1990-01-01T00:00:00Z', '2099-01-01T00:00:00Z', 'banana', 'x'.repeat(100_000)]) {
        await schedules.patchCronJob('annotated', [
          { op: 'add', path: '/metadata/annotations/rapidrmf.io~1slots-since', value: text },
          { op: 'add', path: '/metadata/annotations/rapidrmf.io~1spec-hash', value: text },
        ])
      }
      await schedules.request('annotated', 'look')
      const status = await schedules.status(
        'annotated',
        'reconciled',
        ({ lastHandledRunRequest }) => lastHandledRunRequest === 'look',
      )
      expect(status).toMatchObject({ nextScheduleTime, cronJob: { uid: before.metadata.uid } })
      expect(await schedules.writes(position, childName('annotated'))).not.toContain(
        `update cronjobs ${childName('annotated')}`,
      )
    })

    it('is written once, and then stays unchanged, if the recorded defaults are others', async () => {
      const { schedules } = operated
      const before = await becomesReady('defaults')
      const { metadata, status = {} } = await schedules.read('defaults')
      const { resourceVersion = '' } = metadata
      const { cronJob } = status
      if (cronJob === undefined) throw new Error('the status has no CronJob')
      const position = operated.position()
      await schedules.client.replaceStatus(RESOURCES.schedules, {
        apiVersion: 'rapidrmf.io/v1alpha1',
        kind: 'ValidationSchedule',
        metadata: { ...metadata, resourceVersion },
        status: { ...status, cronJob: { ...cronJob, storedHash: 'of-other-defaults' } },
      })
      await schedules.status(
        'defaults',
        'recorded again',
        (found) => found.cronJob?.storedHash === cronJob.storedHash,
      )
      expect(await schedules.writes(position, 'defaults')).toEqual([
        `update cronjobs ${childName('defaults')}`,
        'update validationschedules status defaults',
      ])
      expect((await schedules.cronJobOf('defaults')).metadata.resourceVersion).toBe(
        before.metadata.resourceVersion,
      )
      expect(await schedules.eventsOf('defaults')).toEqual(['CronJobCreated'])
    })

    it('keeps labels and annotations of others, also after a change of the spec', async () => {
      const { schedules } = operated
      const before = await becomesReady('noted')
      const position = operated.position()
      await schedules.patchCronJob('noted', [
        { op: 'add', path: '/metadata/labels/team', value: 'compliance' },
        { op: 'add', path: '/metadata/annotations/example.com~1note', value: 'kept' },
        { op: 'add', path: '/metadata/finalizers', value: ['example.com/held'] },
      ])
      await schedules.patch('noted', [{ op: 'replace', path: '/spec/schedule', value: '0 5 * * *' }])
      await schedules.status('noted', 'changed', ({ observedGeneration }) => observedGeneration === 2)
      const { metadata, spec } = await schedules.cronJobOf('noted')
      expect(spec).toMatchObject({ schedule: '0 5 * * *' })
      expect(metadata).toMatchObject({
        uid: before.metadata.uid,
        labels: { ...before.metadata.labels, team: 'compliance' },
        annotations: { 'rapidrmf.io/schedule': 'noted', 'example.com/note': 'kept' },
        finalizers: ['example.com/held'],
      })
      expect(await schedules.writes(position, 'noted')).toEqual([
        `update cronjobs ${childName('noted')}`,
        'update validationschedules status noted',
      ])
      await schedules.patchCronJob('noted', [{ op: 'remove', path: '/metadata/finalizers' }])
    })
  })

  it('is recreated when it was deleted', async () => {
    const { schedules } = operated
    const old = await becomesReady('deleted')
    const position = operated.position()
    await schedules.client.remove(RESOURCES.cronJobs, at('deleted'))
    const made = await until('another one', async () => {
      const found = await schedules.find<CronJob>(RESOURCES.cronJobs, childName('deleted'))
      return found === undefined || found.metadata.uid === old.metadata.uid ? undefined : found
    })
    expect(made.spec).toEqual(old.spec)
    await schedules.status(
      'deleted',
      'with the new CronJob',
      ({ cronJob }) => cronJob?.uid === made.metadata.uid,
    )
    expect(await schedules.writes(position, 'deleted')).toEqual([
      `create cronjobs ${childName('deleted')}`,
      'update validationschedules status deleted',
    ])
  })

  it('without its label is found missing within a minute, while the spec is bad', async () => {
    const { schedules } = operated
    await becomesReady('unwatched')
    await operated.stop()
    await schedules.patchCronJob('unwatched', [
      { op: 'remove', path: '/metadata/labels/rapidrmf.io~1schedule-uid' },
    ])
    await schedules.patch('unwatched', [{ op: 'replace', path: '/spec/schedule', value: '61 0 * * *' }])
    operated.start()
    const says = (message: string) =>
      schedules.status('unwatched', message, (status) => conditionOf(status, 'Ready')?.message === message)
    await says('the CronJob is still that of the last good spec')
    await schedules.client.remove(RESOURCES.cronJobs, at('unwatched'))
    await says('there is no CronJob')
  })

  describe('whose name is taken', () => {
    const foreign = (schedule: string, metadata = {}) =>
      operated.schedules.client.create<CronJob>(RESOURCES.cronJobs, {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { ...at(schedule), ...metadata },
        spec: {
          schedule: '0 0 1 1 *',
          jobTemplate: {
            spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'x', image: 'x' }] } } },
          },
        },
      })

    const isLeftAloneAndResolved = async (name: string, theirs: CronJob): Promise<void> => {
      const { schedules } = operated
      const stalled = await schedules.status(name, 'Stalled', is('Stalled', 'True', 'Conflict'))
      expect(is('Ready', 'False', 'Conflict')(stalled)).toBe(true)
      expect(is('Accepted', 'True')(stalled)).toBe(true)
      expect(stalled).not.toHaveProperty('cronJobName')
      expect((await schedules.cronJobOf(name)).metadata).toEqual(theirs.metadata)
      await schedules.client.remove(RESOURCES.cronJobs, at(name))
      // No event reaches the operator: it retries after a delay.
      const { cronJobName } = await schedules.status(name, 'resolved', is('Ready', 'True'))
      expect(cronJobName).toBe(childName(name))
      const { metadata } = await schedules.read(name)
      const ours = await schedules.cronJobOf(name)
      expect(ours.metadata.ownerReferences).toMatchObject([{ uid: metadata.uid, controller: true }])
      expect(is('Stalled', 'False')(await schedules.status(name, 'settled', () => true))).toBe(true)
    }

    it('waits until the name is free', async () => {
      const theirs = await foreign('taken')
      await operated.schedules.create('taken')
      await isLeftAloneAndResolved('taken', theirs)
    })

    it('waits also if the other one has the operator’s labels and another controller', async () => {
      const { core } = here.admin
      const body = { metadata: { name: 'controller' } }
      const owner = await core.createNamespacedConfigMap({ namespace: here.name, body })
      const labels = { 'app.kubernetes.io/managed-by': 'rapidrmf-operator', 'rapidrmf.io/schedule-uid': 'x' }
      const controller = { apiVersion: 'v1', kind: 'ConfigMap', name: 'controller', controller: true }
      const theirs = await foreign('masked', {
        labels,
        ownerReferences: [{ ...controller, uid: owner.metadata?.uid ?? '' }],
      })
      await operated.schedules.create('masked')
      await isLeftAloneAndResolved('masked', theirs)
    })

    it('waits when its own was deleted and another one was created in its place', async () => {
      await becomesReady('replaced')
      await operated.stop()
      await operated.schedules.client.remove(RESOURCES.cronJobs, at('replaced'))
      const theirs = await foreign('replaced')
      operated.start()
      await isLeftAloneAndResolved('replaced', theirs)
    })
  })

  itIsStillAtWork(operated)
})
