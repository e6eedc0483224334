import { expect, it } from 'vitest'
import { jobTemplate } from '../../../../../operator/plan/cron-job/job-template.ts'
import { runNowJob } from '../../../../../operator/plan/cron-job/requested-job.ts'
import { runNowName } from '../../../../../operator/values/names.ts'
import { DEFAULTS, schedule } from '../../fixtures.ts'

const jobOf = (runRequest: string) => runNowJob(schedule({}, { runRequest }), DEFAULTS)

it('is a Job of the schedule’s template, which the schedule itself controls', () => {
  const of = schedule({}, { runRequest: 'today' })
  const { metadata, spec } = jobTemplate(of, DEFAULTS)
  expect(runNowJob(of, DEFAULTS)).toEqual({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: runNowName(of, 'today'),
      namespace: 'compliance',
      labels: metadata.labels,
      annotations: { 'rapidrmf.io/schedule': 'nightly', 'rapidrmf.io/run-request': 'today' },
      ownerReferences: [
        {
          apiVersion: 'rapidrmf.io/v1alpha1',
          kind: 'ValidationSchedule',
          name: 'nightly',
          uid: 'schedule-uid',
          controller: true,
        },
      ],
    },
    spec,
  })
})

it('has one name for one token', () => {
  expect(jobOf('a').metadata.name).toBe(jobOf('a').metadata.name)
  expect(jobOf('a').metadata.name).not.toBe(jobOf('b').metadata.name)
})

it('shows the token as plain text of at most 256 characters', () => {
  const shown = jobOf(`\u001B[31m${'x'.repeat(70_000)}`).metadata.annotations?.['rapidrmf.io/run-request']
  expect(shown).toHaveLength(256)
  expect(shown).not.toContain('\u001B')
})
