import { isDeepStrictEqual } from 'node:util'
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { beforeAll, describe, expect, it } from 'vitest'
import type { JsonPatch } from '../../../operator/kube/client.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/plan/names.ts'
import { hurried } from '../hurried-clock.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { conditionOf, is } from '../schedules.ts'
import type { CronJob } from '../schedules.ts'
import { until } from '../until.ts'

describeWithCluster('the CronJob of a schedule', () => {
  const operated = useOperator('ownership', { clock: hurried })
  const { here } = operated
  const at = (schedule: string) => ({ namespace: here.name, name: childName(schedule) })

  const becomesReady = async (name: string): Promise<CronJob> => {
    await operated.schedules.create(name)
    await operated.schedules.status(name, 'Ready', is('Ready', 'True'))
    return operated.schedules.cronJobOf(name)
  }

  describe('edited by somebody', () => {
    let before: CronJob
    beforeAll(async () => {
      before = await becomesReady('edited')
    })

    const job = '/spec/jobTemplate/spec'
    const pod = `${job}/template/spec`
    const edits: [string, JsonPatch][] = [
      ['schedule', [{ op: 'replace', path: '/spec/schedule', value: '*/5 * * * *' }]],
      ['image', [{ op: 'replace', path: `${pod}/containers/0/image`, value: 'evil:1' }]],
      ['added container', [{ op: 'add', path: `${pod}/containers/-`, value: { name: 'x', image: 'x' } }]],
      [
        'added variable',
        [{ op: 'add', path: `${pod}/containers/0/env/-`, value: { name: 'X', value: '1' } }],
      ],
      ['added nodeSelector', [{ op: 'add', path: `${pod}/nodeSelector`, value: { disk: 'ssd' } }]],
      ['added time to live', [{ op: 'add', path: `${job}/ttlSecondsAfterFinished`, value: 1 }]],
      ['removed policy', [{ op: 'remove', path: `${job}/podFailurePolicy` }]],
      ['label on its Jobs', [{ op: 'remove', path: '/spec/jobTemplate/metadata/labels' }]],
      ['annotation', [{ op: 'remove', path: '/metadata/annotations/rapidrmf.io~1schedule' }]],
      ['owner', [{ op: 'remove', path: '/metadata/ownerReferences' }]],
    ]

    const repaired = (): Promise<CronJob> => {
      const ours = ({ spec, metadata: { labels, annotations, ownerReferences } }: CronJob) =>
        [spec, labels, annotations?.['rapidrmf.io/schedule'], ownerReferences] as const
      return until('the repair', async () => {
        const found = await operated.schedules.cronJobOf('edited')
        return isDeepStrictEqual(ours(found), ours(before)) ? found : undefined
      })
    }

    it.each(edits)('gets it back in one write: %s', async (_what, operations) => {
      const { schedules } = operated
      const position = operated.position()
      await schedules.patchCronJob('edited', operations)
      const { metadata } = await repaired()
      expect(metadata.uid).toBe(before.metadata.uid)
      expect(await schedules.writes(position, 'edited')).toEqual([`update cronjobs ${childName('edited')}`])
    })

    it('gets back a label without which the operator does not see it', async () => {
      const { schedules } = operated
      const position = operated.position()
      await schedules.patchCronJob('edited', [
        { op: 'remove', path: '/metadata/labels/rapidrmf.io~1schedule-uid' },
      ])
      const { metadata } = await repaired()
      expect(metadata.uid).toBe(before.metadata.uid)
      expect(await schedules.effects(position, 'edited')).toEqual([`update cronjobs ${childName('edited')}`])
    })

    it('gets it back from another manager that applies with force', async () => {
      const { schedules } = operated
      const position = operated.position()
      await here.admin.batch.patchNamespacedCronJob(
        {
          ...at('edited'),
          fieldManager: 'argocd',
          force: true,
          body: { apiVersion: 'batch/v1', kind: 'CronJob', spec: { schedule: '0 4 * * *', suspend: true } },
        },
        setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
      )
      await repaired()
      expect(await schedules.writes(position, 'edited')).toEqual([`update cronjobs ${childName('edited')}`])
    })

    it('keeps what others say about it, now and after a change of the spec', async () => {
      const { schedules } = operated
      const position = operated.position()
      await schedules.patchCronJob('edited', [
        { op: 'add', path: '/metadata/labels/team', value: 'compliance' },
        { op: 'add', path: '/metadata/annotations/example.com~1note', value: 'kept' },
        { op: 'add', path: '/metadata/finalizers', value: ['example.com/held'] },
      ])
      await schedules.patch('edited', [{ op: 'replace', path: '/spec/schedule', value: '0 5 * * *' }])
      await schedules.status('edited', 'changed', ({ observedGeneration }) => observedGeneration === 2)
      const { metadata, spec } = await schedules.cronJobOf('edited')
      expect(spec).toMatchObject({ schedule: '0 5 * * *' })
      expect(metadata).toMatchObject({
        uid: before.metadata.uid,
        labels: { ...before.metadata.labels, team: 'compliance' },
        annotations: { 'rapidrmf.io/schedule': 'edited', 'example.com/note': 'kept' },
        finalizers: ['example.com/held'],
      })
      expect(await schedules.writes(position, 'edited')).toEqual([
        `update cronjobs ${childName('edited')}`,
        'update validationschedules status edited',
      ])
      await schedules.patchCronJob('edited', [{ op: 'remove', path: '/metadata/finalizers' }])
    })

    it('tells each repair once', async () => {
      const all = edits.length + 4
      const events = await until('the events', async () => {
        const found = await operated.schedules.eventsOf('edited')
        return found.length >= all ? found : undefined
      })
      expect(events).toHaveLength(all)
      // What is only missing may as well be new in this release, so that the repair is told as an update.
      expect(new Set(events)).toEqual(new Set(['CronJobCreated', 'CronJobRepaired', 'CronJobUpdated']))
    })
  })

  it('is made again when it was deleted', async () => {
    const { schedules } = operated
    const old = await becomesReady('deleted')
    const position = operated.position()
    await schedules.client.remove(RESOURCES.cronJobs, at('deleted'))
    const made = await until('another one', async () => {
      const found = await schedules.find<CronJob>(RESOURCES.cronJobs, childName('deleted'))
      return found === undefined || found.metadata.uid === old.metadata.uid ? undefined : found
    })
    expect(made.spec).toEqual(old.spec)
    expect(await schedules.writes(position, 'deleted')).toEqual([`create cronjobs ${childName('deleted')}`])
  })

  it('that nobody watches any more is missed within a minute, while the spec is no good', async () => {
    const { schedules } = operated
    await becomesReady('unwatched')
    await operated.stop()
    await schedules.patchCronJob('unwatched', [
      { op: 'remove', path: '/metadata/labels/rapidrmf.io~1schedule-uid' },
    ])
    await schedules.patch('unwatched', [{ op: 'replace', path: '/spec/schedule', value: '61 0 * * *' }])
    operated.start()
    const says = (words: string) =>
      schedules.status('unwatched', words, (status) => conditionOf(status, 'Ready')?.message === words)
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
      // Nobody tells the operator: it looks by itself.
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

    it('waits even if the other one has our labels, and another controller', async () => {
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

    it('waits when its own was deleted and another one came in its place', async () => {
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
