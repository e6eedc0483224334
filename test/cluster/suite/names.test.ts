import { expect, it } from 'vitest'
import { childName } from '../../../operator/values/names.ts'
import { describeWithCluster } from '../namespace.ts'
import { createJobByHand } from '../job-by-hand.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { is, summaryText } from '../schedules.ts'

const PREFIX = 'p'.repeat(49)

const NAMES = [
  'a',
  'with.dots.and-dashes',
  'with-dots-and-dashes',
  '9.begins-with-a-digit',
  'm'.repeat(63),
  `${'x'.repeat(200)}.${'y'.repeat(52)}`,
  `${PREFIX}-one`,
  `${PREFIX}-two`,
]

describeWithCluster('a schedule with any name', () => {
  const operated = useOperator('names')

  it.concurrent.each(NAMES.map((name) => [`${name.slice(0, 55)} (${name.length})`, name]))(
    'has a CronJob, a requested run and a manual Job: %s',
    async (_title, name) => {
      const { schedules, here } = operated
      const { metadata } = await schedules.create(name, { suspend: true })
      const { cronJobName } = await schedules.status(name, 'Ready', is('Ready', 'True'))
      expect(cronJobName).toBe(childName(name))
      const cronJob = await schedules.cronJobOf(name)
      expect(cronJob.metadata.ownerReferences).toMatchObject([{ uid: metadata.uid, name }])
      expect(cronJob.metadata.annotations).toMatchObject({ 'rapidrmf.io/schedule': name })

      const asked = await schedules.runNow(name, 'once')
      await here.kubelet.finish(asked.job, { exitCode: 0, message: summaryText(asked.uid) })
      // The name that the CronJob controller would choose.
      const byHand = await createJobByHand(schedules, name, `${childName(name)}-29924040`)
      await here.kubelet.finish(byHand.job, { exitCode: 0, message: summaryText(byHand.uid) })
      const { recentRuns } = await schedules.status(
        name,
        'two runs',
        ({ recentRuns }) => recentRuns?.length === 2,
      )
      expect(new Set(recentRuns?.map(({ jobUID }) => jobUID))).toEqual(new Set([asked.uid, byHand.uid]))
      expect(recentRuns).toMatchObject([{ verdict: 'Passed' }, { verdict: 'Passed' }])
    },
  )

  it('has objects with names of their own', () => {
    expect(new Set(NAMES.map(childName)).size).toBe(NAMES.length)
  })

  itIsStillAtWork(operated)
})
