// Requests, delays and awaits runs in pods.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { V1Pod } from '@kubernetes/client-node'
import { Client } from 'pg'
import { inject } from 'vitest'
import { decodeRunSummary } from '../../crds/run-summary.ts'
import type { RunSummary } from '../../crds/run-summary.ts'
import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import { until } from '../../scripts/control-plane/until.ts'
import type { TestDatabase } from '../support/database.ts'
import type { Release } from './release.ts'

/** The number of active controls of NIST SP 800-53 rev5, with which a system of seedWorld is evaluated. */
export const CONTROLS = 1_007

/** The reference of a schedule to the Secret in the release's namespace. */
export const DATABASE = { urlSecretKeyRef: { name: 'rapidrmf-db', key: 'url' } }

export type LastRun = NonNullable<ValidationScheduleStatus['lastRun']>
export type Run = { readonly uid: string; readonly job: string }

/** The timeout for pods, which start, pull and end slowly on a loaded machine. */
export const PATIENCE = { timeoutMs: 150_000, intervalMs: 100 }

/** Waits for the end of a Job's run; returns its entry in the status. */
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
): Promise<Run & { readonly lastRun: LastRun }> {
  const run = await release.schedules.runNow(name, token)
  return { ...run, lastRun: await finished(release, name, run.uid) }
}

/** Resolves when the database has the row of the run; with `results`, when it has some of its results. */
export async function inDatabase(
  { client }: TestDatabase,
  runKey: string,
  what: 'row' | 'results' = 'row',
): Promise<void> {
  const answers = what === 'row' ? '' : 'JOIN validation_results v ON v.job_run_id = r.id'
  await until(
    `the ${what} of the run ${runKey}`,
    async () => {
      const sql = `SELECT FROM job_runs r ${answers} WHERE r.run_key = $1 LIMIT 1`
      return (await client.query(sql, [runKey])).rows.length > 0 ? true : undefined
    },
    { ...PATIENCE, intervalMs: 10 },
  )
}

/** Blocks all runs before they read evidence, until the returned function is called. */
export async function holdRuns({ url }: TestDatabase): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('BEGIN; LOCK TABLE evidence IN ACCESS EXCLUSIVE MODE')
  return () => client.end()
}

/** Returns the existing pods of a Job, oldest first. */
export async function podsOf({ here }: Release, job: string): Promise<V1Pod[]> {
  const { items } = await here.admin.core.listNamespacedPod({
    namespace: here.name,
    labelSelector: `batch.kubernetes.io/job-name=${job}`,
  })
  return items.sort((a, b) => Number(a.metadata?.creationTimestamp) - Number(b.metadata?.creationTimestamp))
}

/** Returns the final summary of each pod of a Job; undefined for a pod without a complete one. */
export async function summariesOf(release: Release, job: string): Promise<(RunSummary | undefined)[]> {
  const pods = await podsOf(release, job)
  return pods.map(({ status }) =>
    decodeRunSummary(status?.containerStatuses?.[0]?.state?.terminated?.message ?? ''),
  )
}

/** Returns the outcomes of the run's attempts, in the order of their start. */
export async function attemptsOf({ client }: TestDatabase, runKey: string): Promise<(string | null)[]> {
  const { rows } = await client.query<{ outcome: string | null }>(
    `SELECT outcome FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id WHERE run_key = $1 ORDER BY attempt`,
    [runKey],
  )
  return rows.map(({ outcome }) => outcome)
}

/** The start of the pod's container according to the runtime, in ms; the pod's status has only seconds. */
export function containerStart(pod: V1Pod): number {
  const id = pod.status?.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? ''
  const containers = 'containerd/root/io.containerd.grpc.v1.cri/containers'
  const text = readFileSync(join(inject('tools').node, containers, id, 'status'), 'utf8')
  return Number(/"StartedAt":(\d+)/.exec(text)?.[1]) / 1e6
}
