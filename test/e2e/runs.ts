// How a run in a pod is asked for and waited for.
import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { Release } from './release.ts'

/** Of a schedule: the Secret that a release's namespace has. */
export const DATABASE = { urlSecretKeyRef: { name: 'rapidrmf-db', key: 'url' } }

type LastRun = NonNullable<ValidationScheduleStatus['lastRun']>

/** Pods start, pull and end at their own speed, on a machine with other work. */
const PATIENCE = { timeoutMs: 150_000, intervalMs: 100 }

/** What the status says of the run of that Job, once it has ended. */
export async function finished({ schedules }: Release, name: string, uid: string): Promise<LastRun> {
  const { lastRun } = await schedules.status(
    name,
    `with the run ${uid} at its end`,
    ({ lastRun }) => lastRun?.jobUID === uid,
    PATIENCE,
  )
  if (lastRun === undefined) throw new Error(`${name} has no last run`)
  return lastRun
}

export async function runToEnd(
  release: Release,
  name: string,
  token = 'first',
): Promise<{ readonly lastRun: LastRun; readonly uid: string; readonly job: string }> {
  const { uid, job } = await release.schedules.runNow(name, token)
  return { uid, job, lastRun: await finished(release, name, uid) }
}
