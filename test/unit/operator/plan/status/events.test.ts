import { describe, expect, it } from 'vitest'
import { runVerdicts } from '../../../../../crds/validation-schedule.ts'
import type {
  ActiveRun,
  ConditionType,
  FinishedRun,
  ValidationScheduleStatus,
} from '../../../../../crds/validation-schedule.ts'
import { compactRun } from '../../../../../operator/plan/runs/recent-runs.ts'
import {
  event,
  failedRequestEvent,
  skippedEvent,
  transitions,
} from '../../../../../operator/plan/status/events.ts'
import { NOW, at, schedule } from '../../fixtures.ts'

type Status = ValidationScheduleStatus

const between = (before: Status, after: Status, finished: readonly FinishedRun[] = []) =>
  transitions(schedule({}, { generation: 3, status: before }), after, finished)
const withCondition = (type: ConditionType, status: 'True' | 'False', reason: string, message = 'm') =>
  ({
    conditions: [{ type, status, reason, message, observedGeneration: 3, lastTransitionTime: at(0) }],
  }) as Status

it('an event has the type of its reason', () => {
  expect(event('CronJobCreated', 'WriteCronJob', 'key', 'note')).toEqual({
    type: 'Normal',
    reason: 'CronJobCreated',
    action: 'WriteCronJob',
    dedupKey: 'key',
    note: 'note',
  })
  expect(event('RunStuck', 'Mirror', 'key', 'note').type).toBe('Warning')
})

describe('a schedule that stalls', () => {
  it.each([
    ['InvalidSpec', 'InvalidSpec'],
    ['NotAllowed', 'InvalidSpec'],
    ['Conflict', 'Conflict'],
    ['ConflictingWriter', 'ConflictingWriter'],
    ['Forbidden', 'Forbidden'],
  ])('because of %s has the event %s', (reason, expected) => {
    const after = withCondition('Stalled', 'True', reason)
    expect(between({}, after)).toMatchObject([
      { type: 'Warning', reason: expected, action: 'Validate', note: 'm', dedupKey: '3 m' },
    ])
    expect(between(after, after)).toEqual([])
    expect(between(after, withCondition('Stalled', 'True', reason, 'other'))).toHaveLength(1)
    expect(between(after, withCondition('Stalled', 'False', 'NotStalled'))).toEqual([])
    expect(between(withCondition('Stalled', 'False', reason), after)).toHaveLength(1)
  })

  it('with another reason and the same message is another event', () => {
    const before = withCondition('Stalled', 'True', 'Conflict')
    expect(between(before, withCondition('Stalled', 'True', 'Forbidden'))).toMatchObject([
      { reason: 'Forbidden' },
    ])
  })
})

it('a schedule that never fires has one event', () => {
  const never = withCondition('Ready', 'True', 'NeverFires')
  expect(between({}, never)).toMatchObject([
    { type: 'Warning', reason: 'NeverFires', action: 'Validate', dedupKey: '3', note: 'm' },
  ])
  expect(between(never, never)).toEqual([])
})

describe('a run', () => {
  const run: ActiveRun = { jobUID: '1', job: 'j', trigger: 'Schedule', scheduledTime: at(0) }
  const stuck: ActiveRun = { ...run, reason: 'ImagePullBackOff', message: 'not found' }
  const active = (...runs: ActiveRun[]): Status => ({ active: runs })

  it('that starts has an event, with its slot or its request', () => {
    expect(between({}, active(run))).toMatchObject([
      {
        type: 'Normal',
        reason: 'RunStarted',
        action: 'Mirror',
        note: `j for the slot ${at(0)}`,
        dedupKey: '1 ',
      },
    ])
    const manual: ActiveRun = { jobUID: '2', job: 'm', trigger: 'Manual' }
    expect(between(active(run), active(run, manual))).toMatchObject([
      { reason: 'RunStarted', note: 'm, by request', dedupKey: '2 ' },
    ])
  })

  it('that makes no progress has an event for each reason', () => {
    expect(between(active(run), active(stuck))).toMatchObject([
      {
        type: 'Warning',
        reason: 'RunStuck',
        note: 'j is not making progress: ImagePullBackOff: not found',
        dedupKey: '1 ImagePullBackOff',
      },
    ])
    expect(between(active(stuck), active({ ...stuck, message: 'other' }))).toEqual([])
    expect(between(active(stuck), active({ ...stuck, reason: 'Unschedulable' }))).toHaveLength(1)
    expect(between(active(run), active({ ...run, reason: 'Queued' }))).toEqual([])
  })

  const finished = (verdict: FinishedRun['verdict']): FinishedRun => ({
    ...run,
    completionTime: at(0),
    verdict,
    reason: 'R',
    message: 'm',
    late: false,
  })

  it.each(runVerdicts.map((verdict) => [verdict] as const))('that ends with %s has an event', (verdict) => {
    const reason = {
      Passed: 'RunPassed',
      Findings: 'RunFoundFailures',
      Incomplete: 'RunFoundFailures',
      Errored: 'RunErrored',
      Unknown: 'RunErrored',
    }[verdict]
    const after = { recentRuns: [compactRun(finished(verdict))] }
    expect(between({}, after, [finished(verdict)])).toMatchObject([
      { reason, action: 'Mirror', note: `j: ${verdict}: m`, dedupKey: '1 ' },
    ])
    // A run that is older than the history of the status has no event.
    expect(between({}, {}, [finished(verdict)])).toEqual([])
  })
})

describe('skipped slots', () => {
  const skipped = (...slots: number[]) => ({
    skipped: slots.map((seconds) => ({ slot: NOW + seconds * 1000, why: 'deadline' as const })),
    decidedAt: undefined,
  })

  it('are one event, named after the last', () => {
    expect(skippedEvent(skipped())).toEqual([])
    const why = 'has no run: it could not be started within spec.startingDeadlineSeconds'
    expect(skippedEvent(skipped(0))).toMatchObject([
      { type: 'Warning', reason: 'SlotSkipped', dedupKey: at(0), note: `the slot ${at(0)} ${why}` },
    ])
    expect(skippedEvent(skipped(-60, 0))).toMatchObject([
      { dedupKey: at(0), note: `the slot ${at(0)}, and 1 before it ${why}` },
    ])
  })

  it.each([
    ['superseded', 'a later slot ran in its place'],
    ['notAllowed', "the operator's limits do not allow the spec, and the CronJob is suspended"],
  ] as const)('say why: %s', (why, text) => {
    const [found] = skippedEvent({ skipped: [{ slot: NOW, why }], decidedAt: undefined })
    expect(found?.note).toBe(`the slot ${at(0)} has no run: ${text}`)
  })
})

it('a run request whose Job cannot be created has an event for each cause', () => {
  expect(failedRequestEvent({ kind: 'waiting' })).toEqual([])
  expect(failedRequestEvent({ kind: 'failed', token: 'today', message: 'quota' })).toMatchObject([
    {
      reason: 'RunStuck',
      dedupKey: 'today quota',
      note: 'the Job of the requested run cannot be created, retrying: quota',
    },
  ])
})
