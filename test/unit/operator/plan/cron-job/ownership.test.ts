import { describe, expect, it } from 'vitest'
import { cleanedUpAt, isRunOf, ownershipOf } from '../../../../../operator/plan/cron-job/ownership.ts'
import { NOW, at, job, liveCronJob, remembering, schedule } from '../../fixtures.ts'
import type { Raw } from '../../fixtures.ts'

const OURS = schedule()
const kindOf = (change: (object: Raw) => unknown, of = OURS) => ownershipOf(liveCronJob(OURS, change), of)
const withoutOwner = ({ metadata }: Raw): void => {
  metadata.ownerReferences = undefined
}
const ownedBy =
  (owner: object) =>
  ({ metadata }: Raw): void => {
    Object.assign(metadata.ownerReferences[0], owner)
  }

describe('a CronJob of the needed name', () => {
  it('is ours by the UID of its controller, whatever its labels', () => {
    expect(kindOf(({ metadata }) => (metadata.labels = {}))).toEqual({ kind: 'ours' })
  })

  it('without a controller is ours if the status has its UID', () => {
    const bare = (object: Raw) => {
      withoutOwner(object)
      object.metadata.labels = {}
    }
    expect(kindOf(bare, remembering(OURS))).toEqual({ kind: 'ours' })
    expect(kindOf(bare)).toEqual({ kind: 'foreign', owner: 'no controller' })
  })

  it('without a controller is orphaned if it has both labels, with any UID', () => {
    const labelled = (labels: object) => (object: Raw) => {
      withoutOwner(object)
      Object.assign(object.metadata.labels, labels)
    }
    expect(kindOf(labelled({ 'rapidrmf.io/schedule-uid': 'older' }))).toEqual({ kind: 'orphaned' })
    expect(kindOf(labelled({ 'rapidrmf.io/schedule-uid': undefined }))).toEqual({ kind: 'orphaned' })
    expect(kindOf(labelled({ 'app.kubernetes.io/managed-by': 'Helm' }))).toMatchObject({ kind: 'foreign' })
    const oneLabel = ({ metadata }: Raw) => {
      metadata.ownerReferences = undefined
      delete metadata.labels['rapidrmf.io/schedule-uid']
    }
    expect(kindOf(oneLabel)).toMatchObject({ kind: 'foreign' })
  })

  it('of an earlier schedule of this name is its predecessor’s', () => {
    expect(kindOf(ownedBy({ uid: 'older' }))).toEqual({ kind: 'predecessors' })
  })

  it.each([
    [{ uid: 'x', kind: 'App' }, 'App nightly'],
    [{ uid: 'x', name: 'weekly' }, 'ValidationSchedule weekly'],
    [{ uid: 'x', apiVersion: 'example.com/v1' }, 'ValidationSchedule nightly'],
  ])('with the controller %j is foreign', (owner, text) => {
    expect(kindOf(ownedBy(owner))).toEqual({ kind: 'foreign', owner: text })
  })

  it('that is being deleted is leaving, whoever owns it', () => {
    for (const owner of [{}, { uid: 'x', kind: 'App' }]) {
      const leaving = (object: Raw) => {
        ownedBy(owner)(object)
        object.metadata.deletionTimestamp = at(0)
      }
      expect(kindOf(leaving)).toEqual({ kind: 'leaving' })
    }
  })
})

it('the CronJob of an earlier schedule is left to garbage collection for ten seconds', () => {
  expect(cleanedUpAt(schedule({}, { createdAt: at(-4) }))).toBe(NOW + 6_000)
})

describe('a Job is a run', () => {
  const cronJob = liveCronJob(OURS)
  const self = {
    apiVersion: 'rapidrmf.io/v1beta1',
    kind: 'ValidationSchedule',
    name: 'any',
    uid: 'schedule-uid',
    controller: true,
  }
  const isRun = (change: Parameters<typeof job>[1], owner = cronJob) => isRunOf(OURS, owner, job('1', change))

  it('if the CronJob of the schedule controls it', () => {
    expect(isRun({})).toBe(true)
    expect(isRunOf(OURS, undefined, job('1'))).toBe(false)
  })

  it('if the schedule controls it, in any version of the API', () => {
    expect(isRunOf(OURS, undefined, job('1', { controller: self }))).toBe(true)
    expect(isRun({ controller: { ...self, uid: 'older' } })).toBe(false)
    expect(isRun({ controller: { ...self, apiVersion: 'example.com/v1' } })).toBe(false)
  })

  it('only in the namespace and with the label of the schedule', () => {
    expect(isRun({ namespace: 'elsewhere', controller: self })).toBe(false)
    expect(isRun({ scheduleUid: 'older' })).toBe(false)
    expect(isRun({ scheduleUid: '', controller: self })).toBe(false)
  })

  it('only if the schedule controls the CronJob, and by UID', () => {
    const foreign = liveCronJob(OURS, ownedBy({ uid: 'x' }))
    expect(isRun({}, foreign)).toBe(false)
    expect(isRun({ controller: { ...job('1').controller!, uid: 'another' } })).toBe(false)
    expect(isRun({ controller: { ...job('1').controller!, kind: 'Job' } })).toBe(false)
    expect(isRun({ controller: undefined })).toBe(false)
  })
})
