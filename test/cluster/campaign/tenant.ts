// A person with the role `edit` in the namespace, who forges objects of a schedule: they must not affect the schedule.
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { forgePod } from '../forged-pod.ts'
import { createJobByHand } from '../job-by-hand.ts'
import type { TestNamespace } from '../namespace.ts'
import { summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'

/** The prefix of the names of the tenant's objects. */
export const FORGED = 'forged-'

const SOME_KEY = '5f0c7f43-0d49-4f5e-a2b4-7d1b7a5c0a11'

/** Forges Jobs of the schedule, and pods of each of its runs. `round` is part of the names, so that they are unique. */
export async function forgeClaims(
  here: TestNamespace,
  schedules: Schedules,
  schedule: string,
  round: number,
): Promise<void> {
  const found = await schedules.find(RESOURCES.schedules, schedule)
  const cronJob = await schedules.find(RESOURCES.cronJobs, childName(schedule))
  if (found === undefined || cronJob === undefined) return
  const scheduleUid = found.metadata.uid ?? ''
  const body = { metadata: { name: `${FORGED}owner-${round}` } }
  const { metadata } = await here.admin.core.createNamespacedConfigMap({ namespace: here.name, body })
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: body.metadata.name, uid: metadata?.uid ?? '' }
  const runs = (await schedules.jobsOf(schedule)).filter(({ metadata: { name } }) => !name.startsWith(FORGED))
  for (const [index, { metadata: job }] of runs.entries()) {
    const run = { job: job.name, uid: job.uid ?? '' }
    for (const key of [run.uid, SOME_KEY]) {
      await forgePod(here, {
        name: `${FORGED}pod-${round}-${index}-${key === SOME_KEY ? 'other' : 'same'}`,
        job: run,
        scheduleUid,
        controller: owner,
        message: summaryText(key, { verdict: 'Incomplete', reason: 'NotEvaluated' }),
      })
    }
  }
  for (const [kind, ownerReferences] of [
    ['owned', [{ ...owner, controller: true }]],
    ['orphan', []],
  ] as const) {
    await createJobByHand(schedules, schedule, `${FORGED}${kind}-${round}`, { ownerReferences })
  }
}
