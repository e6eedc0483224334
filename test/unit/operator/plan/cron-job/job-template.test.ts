import { expect, it } from 'vitest'
import { jobTemplate } from '../../../../../operator/plan/cron-job/job-template.ts'
import { podTemplate } from '../../../../../operator/plan/cron-job/pod.ts'
import { DEFAULTS, schedule } from '../../fixtures.ts'

const template = (job: object) => jobTemplate(schedule({ job }), DEFAULTS)

it('has the labels and annotations of the spec, but those of the operator are its own', () => {
  const labels = { team: 'grc', 'rapidrmf.io/schedule-uid': 'forged' }
  const annotations = { note: 'x', 'rapidrmf.io/schedule': 'forged' }
  expect(template({ labels, annotations }).metadata).toEqual({
    labels: {
      team: 'grc',
      'app.kubernetes.io/managed-by': 'rapidrmf-operator',
      'rapidrmf.io/schedule-uid': 'schedule-uid',
    },
    annotations: { note: 'x', 'rapidrmf.io/schedule': 'nightly' },
  })
})

it('has the deadline and the retries of the spec, and the pod of the schedule', () => {
  const { spec } = template({ activeDeadlineSeconds: 600, backoffLimit: 5 })
  expect(spec).toMatchObject({ activeDeadlineSeconds: 600, backoffLimit: 5 })
  expect(spec).not.toHaveProperty('completionMode')
  expect(spec).not.toHaveProperty('parallelism')
  expect(spec.template).toEqual(podTemplate(schedule(), DEFAULTS))
})

it('is Indexed for several workers, each with the retries of the spec', () => {
  expect(template({ parallelism: 2, backoffLimit: 3 }).spec).toMatchObject({
    completionMode: 'Indexed',
    completions: 2,
    parallelism: 2,
    backoffLimit: 6,
  })
  expect(template({ parallelism: 100, backoffLimit: 0 }).spec).toMatchObject({ backoffLimit: 0 })
})

it('fails the Job at an exit code that no retry changes, and does not count a drained node', () => {
  expect(template({}).spec['podFailurePolicy']).toEqual({
    rules: [
      { action: 'FailJob', onExitCodes: { containerName: 'rapidrmf', operator: 'In', values: [2, 3] } },
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    ],
  })
})
