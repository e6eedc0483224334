import { digestOf } from '../../../operator/values/digest.ts'
import { projectCronJob, projectJob } from '../../../operator/cache/projections.ts'
import type { KubeObject } from '../../../operator/kube/object.ts'
import type { Observed } from '../../../operator/plan/inputs/live-reads.ts'
import type { PlannedEvent } from '../../../operator/plan/status/events.ts'
import { plan } from '../../../operator/plan/plan.ts'
import type { Plan, PlanInput, Settled } from '../../../operator/plan/plan.ts'

export type Outcome = {
  readonly plans: readonly Plan[]
  readonly settled: Settled | undefined
  readonly events: readonly PlannedEvent[]
  /** The world as it is afterwards, with nothing observed. */
  readonly after: PlanInput
}

/** Does what the plans say, on data alone, until nothing is left to do. */
export function carryOut(start: PlanInput): Outcome {
  const plans: Plan[] = []
  const events: PlannedEvent[] = []
  let input = start
  for (let round = 0; round < 10; round += 1) {
    const next = plan(input)
    plans.push(next)
    if (next.kind === 'nothing') return { plans, settled: undefined, events, after: input }
    if (next.kind === 'settled') {
      events.push(...next.events)
      const schedule = next.status === undefined ? input.schedule : { ...input.schedule, status: next.status }
      const pruned = new Set(next.prune.map(({ uid }) => uid))
      const jobs = input.jobs.filter(({ uid }) => !pruned.has(uid))
      return { plans, settled: next, events, after: { ...input, schedule, jobs, observed: start.observed } }
    }
    if (next.kind === 'write') events.push(...next.events)
    input = step(input, next)
  }
  throw new Error(`no end: ${JSON.stringify(plans.map(({ kind }) => kind))}`)
}

function step(input: PlanInput, next: Exclude<Plan, { kind: 'nothing' | 'settled' }>): PlanInput {
  const { observed } = input
  if (next.kind === 'write') {
    const { step } = next
    if (step.kind === 'suspend') {
      const cronJob = { ...step.cronJob, slots: { ...step.cronJob.slots, suspend: step.suspend } }
      return { ...input, cronJob, observed: { ...observed, cronJob } }
    }
    const cronJob = projectCronJob(stored(step.body, `cron-job-uid`, input.now))
    const written = { uid: cronJob.uid, sentHash: digestOf(step.body['spec']), storedHash: cronJob.specHash }
    return { ...input, cronJob, written, observed: { ...observed, cronJob, write: { kind: 'done' } } }
  }
  if (next.kind === 'run') {
    const made = projectJob(stored(next.job, `uid-of-${next.job.metadata.name}`, input.now))
    return { ...input, jobs: [...input.jobs, made] }
  }
  return next.reads.reduce((known, read) => ({ ...known, observed: answer(known, read) }), input)
}

/** The caches are the whole truth here. */
function answer(
  { observed, pods, jobs, cronJob }: PlanInput,
  read: Extract<Plan, { kind: 'read' }>['reads'][number],
): Observed {
  switch (read.kind) {
    case 'cronJob':
      return { ...observed, cronJob: cronJob ?? null }
    case 'podsOfJob': {
      const found = pods.filter(({ jobUid }) => jobUid === read.uid)
      return { ...observed, pods: new Map([...observed.pods, [read.uid, found]]) }
    }
    case 'job': {
      const found = jobs.find(({ uid }) => uid === read.uid)
      return { ...observed, jobs: new Map([...observed.jobs, [read.uid, found]]) }
    }
    case 'warningsOfJob':
      return { ...observed, warnings: new Map([...observed.warnings, [read.uid, []]]) }
  }
}

function stored(object: KubeObject, uid: string, now: number): KubeObject {
  return {
    ...object,
    metadata: {
      ...object.metadata,
      uid,
      resourceVersion: '1000',
      creationTimestamp: `${new Date(now).toISOString().slice(0, 19)}Z`,
    },
  }
}
