import { expect, it } from 'vitest'
import type { EventInput } from '../../../../operator/kube/events.ts'
import { event } from '../../../../operator/plan/status/events.ts'
import { recordEvents } from '../../../../operator/reconcile/record-events.ts'
import { schedule } from '../fixtures.ts'

it('records each event, regarding the schedule', () => {
  const recorded: EventInput[] = []
  const events = [
    event('CronJobCreated', 'WriteCronJob', 'a', 'made'),
    event('RunStarted', 'Mirror', 'b', 'began'),
  ]
  recordEvents({ record: (each) => recorded.push(each) }, schedule(), events)
  const regarding = {
    apiVersion: 'rapidrmf.io/v1alpha1',
    kind: 'ValidationSchedule',
    namespace: 'compliance',
    name: 'nightly',
    uid: 'schedule-uid',
  }
  expect(recorded).toEqual(events.map((each) => ({ ...each, regarding })))
})
