import { expect, it } from 'vitest'
import { childAnnotations, childLabels, ownedBy } from '../../../../../operator/plan/cron-job/metadata.ts'
import { schedule } from '../../fixtures.ts'

const LONG = 'n'.repeat(253)

it('a child has the labels by which the watches select, and its schedule by UID', () => {
  expect(childLabels(schedule())).toEqual({
    'app.kubernetes.io/managed-by': 'rapidrmf-operator',
    'rapidrmf.io/schedule-uid': 'schedule-uid',
  })
})

it('the name of the schedule is an annotation, which may be longer than a label', () => {
  expect(childAnnotations(schedule({}, { name: LONG }))).toEqual({ 'rapidrmf.io/schedule': LONG })
})

it('the schedule is the controller, and does not block a deletion in the foreground', () => {
  expect(ownedBy(schedule())).toEqual({
    apiVersion: 'rapidrmf.io/v1alpha1',
    kind: 'ValidationSchedule',
    name: 'nightly',
    uid: 'schedule-uid',
    controller: true,
  })
})
