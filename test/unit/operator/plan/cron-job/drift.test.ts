import { describe, expect, it } from 'vitest'
import { cronJob } from '../../../../../operator/plan/cron-job/cron-job.ts'
import { driftOf } from '../../../../../operator/plan/cron-job/drift.ts'
import { at, DEFAULTS, liveCronJob, remembering, schedule, writtenFor } from '../../fixtures.ts'

describe('what the spec of a CronJob has become', () => {
  const of = schedule()
  const desired = cronJob(of, DEFAULTS)
  const written = writtenFor(of)

  it.each([
    ['a zero', { ttlSecondsAfterFinished: 0 }],
    ['false', { suspend: false }],
    ['a list of nothing', { list: [] }],
    ['null', { gone: null }],
  ])('is a difference where somebody added %s', (_what, more) => {
    const live = liveCronJob(of, ({ spec }) => Object.assign(spec.jobTemplate.spec, more))
    expect(driftOf(desired, live, of, written)).toMatchObject({ why: 'repaired' })
  })

  it('is one where somebody took a false away', () => {
    const live = liveCronJob(of, ({ spec }) => {
      delete spec.jobTemplate.spec.template.spec.automountServiceAccountToken
    })
    expect(driftOf(desired, live, of, written)).toMatchObject({ why: 'repaired' })
  })

  it('is none where it is what the API server made of it, in whatever order of keys', () => {
    const live = liveCronJob(of, (object) => {
      object.spec = Object.fromEntries(Object.entries({ ...object.spec, filledIn: 0 }).toReversed())
    })
    expect(driftOf(desired, live, of, { ...written, storedHash: live.specHash })).toBeUndefined()
  })

  it('is to be written once where the last answer is not known', () => {
    expect(driftOf(desired, liveCronJob(of), of, undefined)).toMatchObject({ why: 'updated' })
  })

  it.each<[string, object, string]>([
    ['label', { labels: {} }, 'metadata.labels.app.kubernetes.io/managed-by'],
    ['annotation', { annotations: {} }, 'metadata.annotations.rapidrmf.io/schedule'],
    ['owner', { ownerReferences: [] }, 'metadata.ownerReferences'],
  ])('and a removed %s is a difference', (_what, metadata, difference) => {
    const live = liveCronJob(of, (object) => Object.assign(object.metadata, metadata))
    expect(driftOf(desired, live, of, written)).toEqual({ why: 'repaired', difference })
  })
})

describe('why a CronJob is written', () => {
  const of = schedule()
  const written = writtenFor(of)
  const reason = (
    live: ReturnType<typeof liveCronJob>,
    from = of,
    last: typeof written | undefined = written,
  ) => driftOf(cronJob(from, DEFAULTS), live, from, last)

  it('is nothing where it is as it was written', () => {
    expect(reason(liveCronJob(of))).toBeUndefined()
  })

  it('is that it was not this schedule’s, unless it was written for it', () => {
    const older = liveCronJob(schedule({}, { uid: 'older' }))
    expect(driftOf(cronJob(of, DEFAULTS), older, of, undefined)).toEqual({
      why: 'adopted',
      difference: 'its schedule no longer exists',
    })
    expect(reason(older)).toMatchObject({ why: 'repaired' })
  })

  it('is a new spec of the schedule, a new operator, or that the last write is not known', () => {
    const changed = { ...remembering(of), generation: 2, spec: schedule({ schedule: '0 5 * * *' }).spec }
    const updated = (from: typeof of, last: typeof written | undefined = written) =>
      reason(liveCronJob(of), from, last)
    expect(updated(changed)).toEqual({ why: 'updated', difference: 'generation 2 of the schedule' })
    const observed = { ...changed, status: { observedGeneration: 2 } }
    expect(updated(observed)).toEqual({
      why: 'updated',
      difference: 'the operator or its configuration has changed',
    })
    expect(updated(of, { uid: 'cron-job-uid' })).toEqual({
      why: 'updated',
      difference: 'the status does not say what was written last',
    })
  })

  it('is a change by another writer, which is named', () => {
    const edited = liveCronJob(of, ({ metadata, spec }) => {
      spec.suspend = true
      metadata.managedFields.push({ manager: 'kubectl-edit', time: at(0) })
    })
    expect(reason(edited)).toEqual({
      why: 'repaired',
      difference: 'its spec was changed, and it was last written by kubectl-edit',
    })
  })

  it('is an owner that is no longer the controller', () => {
    const live = liveCronJob(of, ({ metadata }) => (metadata.ownerReferences[0].controller = false))
    expect(reason(live)).toEqual({ why: 'repaired', difference: 'metadata.ownerReferences' })
  })
})
