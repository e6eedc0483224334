// Who may edit objects in a namespace may write anything into the labels and annotations of the operator's children.
import { describe, expect, it } from 'vitest'
import { FIELD_MANAGER, projectCronJob, projectJob, projectPod } from '../../../operator/cache/projections.ts'
import { driftOf } from '../../../operator/plan/cron-job/drift.ts'
import { cronJob } from '../../../operator/plan/cron-job/cron-job.ts'
import { DEFAULTS, at, input, job, liveCronJob, remembering, schedule, writtenFor } from './fixtures.ts'
import { carryOut } from './simulation.ts'

const BOOK = 'x'.repeat(1_000_000)
const HOSTILE: readonly [string, string][] = [
  ['the past', '1990-01-01T00:00:00Z'],
  ['the future', '2099-01-01T00:00:00Z'],
  ['no time', 'banana'],
  ['nothing', ''],
  ['a book', BOOK],
]

describe('the slot of a Job', () => {
  const SLOT = '2026-11-24T02:00:00Z'
  const minutes = Date.parse(SLOT) / 60_000
  const slotOf = (text: string, name = `nightly-2a3b62b5-${minutes}`, creationTimestamp = at(-3599)) =>
    projectJob({
      metadata: {
        name,
        creationTimestamp,
        annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': text },
      },
    }).slot

  it('is that of its annotation, in whatever zone, where its name says the same', () => {
    expect(slotOf(SLOT)).toBe(SLOT)
    expect(slotOf('2026-11-24T03:00:00+01:00')).toBe('2026-11-24T03:00:00+01:00')
  })

  it.each([...HOSTILE, ['the slot before it', '2026-11-24T01:59:00Z']])(
    'is not believed to be %s',
    (_what, text) => {
      expect(slotOf(text)).toBeUndefined()
    },
  )

  it('is never after the Job was made, whatever its name', () => {
    const future = '2099-01-01T00:00:00Z'
    expect(slotOf(future, `nightly-2a3b62b5-${Date.parse(future) / 60_000}`)).toBeUndefined()
  })
})

it.each([
  ['0', '0'],
  ['99', '99'],
  ['banana', undefined],
  ['-1', undefined],
  [BOOK, undefined],
])('the index of a worker is a number', (text, index) => {
  const annotations = { 'batch.kubernetes.io/job-completion-index': text }
  expect(projectPod({ metadata: { name: 'x', annotations } }).index).toBe(index)
})

describe('a status that was misled before', () => {
  it('forgets a slot that is still to come', () => {
    const misled = schedule({}, { status: { lastScheduleTime: '2099-01-01T00:00:00Z' } })
    const { settled } = carryOut(input({ schedule: misled, cronJob: liveCronJob(misled), jobs: [job('1')] }))
    expect(settled?.status).toMatchObject({
      lastScheduleTime: at(-3600),
      nextScheduleTime: '2026-11-25T02:00:00Z',
    })
  })

  it.each(['2099-01-01T00:00:00Z', 'banana'])('counts slots from now on where it says %s', (slotsSince) => {
    const { status, ...known } = remembering(schedule())
    const forged = { ...known, status: { ...status, cronJob: { ...status.cronJob!, slotsSince } } }
    const { settled } = carryOut(input({ schedule: forged, cronJob: liveCronJob(forged) }))
    expect(settled?.status?.cronJob?.slotsSince).toBe(at(0))
  })
})

describe('the annotations of earlier releases on a CronJob', () => {
  const at7Days = at(-7 * 86_400)

  it.each(HOSTILE)('mean nothing: %s', (_what, text) => {
    const annotations = { 'rapidrmf.io/slots-since': text, 'rapidrmf.io/spec-hash': text }
    const live = liveCronJob(schedule(), ({ metadata }) => Object.assign(metadata.annotations, annotations))
    const { settled, plans } = carryOut(input({ schedule: remembering(schedule()), cronJob: live }))
    expect(plans.map(({ kind }) => kind)).toEqual(['settled'])
    expect(settled?.status).toMatchObject({
      cronJob: { slotsSince: at7Days },
      nextScheduleTime: '2026-11-25T02:00:00Z',
    })
  })

  it('go with the next write', () => {
    const live = liveCronJob(schedule(), ({ metadata, spec }) => {
      Object.assign(metadata.annotations, { 'rapidrmf.io/slots-since': 'banana', 'example.com/note': 'kept' })
      spec.suspend = true
    })
    const { plans } = carryOut(input({ schedule: remembering(schedule()), cronJob: live }))
    expect(plans[0]).toMatchObject({
      step: {
        body: {
          metadata: { annotations: { 'example.com/note': 'kept', 'rapidrmf.io/schedule': 'nightly' } },
        },
      },
    })
    expect(JSON.stringify(plans[0])).not.toContain('banana')
  })
})

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

describe('the last writer of a CronJob', () => {
  const writer = (...managedFields: { manager: string; time?: string; subresource?: string }[]) =>
    projectCronJob({ metadata: { name: 'x', managedFields } }).lastManager

  it('is the newest, others before the operator, and not the controller that writes the status', () => {
    const ours = { manager: FIELD_MANAGER, time: at(0) }
    expect(writer(ours, { manager: 'kubectl-edit', time: at(0) })).toBe('kubectl-edit')
    expect(writer({ manager: 'argocd', time: at(-9) }, ours)).toBe(FIELD_MANAGER)
    expect(writer(ours, { manager: 'kcm', time: at(9), subresource: 'status' })).toBe(FIELD_MANAGER)
    expect(writer()).toBe('')
  })
})
