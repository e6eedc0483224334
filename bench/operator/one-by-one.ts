import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { WatchEvent } from '../../operator/kube/client.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import { childName } from '../../operator/values/names.ts'
import type { ControlPlane } from './control-plane.ts'
import { createRun, endRun } from './history.ts'
import { scheduleBody, scheduleNames } from './schedules.ts'
import { watchFor } from './sightings.ts'

/** Measurements in ms. */
export type OneByOne = {
  /** Times from the response to the schedule's POST until its CronJob exists. */
  readonly cronJob: readonly number[]
  /** Times from the response to the write that finishes the Job until the schedule's status shows it. */
  readonly mirrored: readonly number[]
}

const SCHEDULES = 100
const RUNS = 50

export async function oneByOne({ client }: ControlPlane, namespace: string): Promise<OneByOne> {
  const names = scheduleNames(SCHEDULES, 'single')
  const cronJobs = await watchFor(client, RESOURCES.cronJobs, namespace)
  const schedules = await watchFor(client, RESOURCES.schedules, namespace)
  const cronJob: number[] = []
  for (const name of names) {
    const made = cronJobs.first(({ object }) => object.metadata.name === childName(name))
    const ready = schedules.first((event) => statusOf(event, name)?.conditions !== undefined)
    await client.create(RESOURCES.schedules, scheduleBody(namespace, name))
    const answered = performance.now()
    cronJob.push((await made) - answered)
    await ready
  }
  const mirrored: number[] = []
  for (const name of names.slice(0, RUNS)) {
    const { metadata, ...rest } = await client.get(RESOURCES.cronJobs, { namespace, name: childName(name) })
    const active = schedules.first((event) => statusOf(event, name)?.active !== undefined)
    const recorded = schedules.first((event) => statusOf(event, name)?.lastRun !== undefined)
    const run = await createRun(client, { metadata, ...rest }, new Date())
    await active
    await endRun(client, run, true, new Date())
    const answered = performance.now()
    mirrored.push((await recorded) - answered)
  }
  cronJobs.end()
  schedules.end()
  return { cronJob, mirrored }
}

function statusOf({ object }: WatchEvent, name: string): ValidationScheduleStatus | undefined {
  return object.metadata.name === name
    ? (object['status'] as ValidationScheduleStatus | undefined)
    : undefined
}
