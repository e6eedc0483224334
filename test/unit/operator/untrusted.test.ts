// Who may edit objects in a namespace may write anything into the labels and annotations of the operator's children.
import { describe, expect, it } from 'vitest'
import { at, input, job, liveCronJob, remembering, schedule } from './fixtures.ts'
import { HOSTILE } from './hostile.ts'
import { carryOut } from './simulation.ts'

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
