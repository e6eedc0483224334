import type { Logger } from 'pino'
import { Stop, outcomeOf } from './attempt.ts'
import type { Attempt } from './attempt.ts'
import type { Caches } from './caches.ts'
import type { KubeClient } from './kube/client.ts'
import { failureOf, wordsOf } from './kube/errors.ts'
import type { EventRecorder } from './kube/events.ts'
import { RESOURCES } from './kube/object.ts'
import type { KubeObject, ObjectMeta } from './kube/object.ts'
import { readLive } from './live-reads.ts'
import { projectCronJob, projectJob } from './model.ts'
import type { CachedCronJob, CachedJob, CachedSchedule } from './model.ts'
import { firstDifference } from './plan/drift.ts'
import { withRefusedRun } from './plan/live-reads.ts'
import type { Plan, PlanInput } from './plan/plan.ts'
import { record } from './record.ts'
import type { Rush } from './rush.ts'
import { consequenceOf, logFailure } from './write-failure.ts'
import type { Consequence } from './write-failure.ts'

export type StepsOptions = {
  /** Guarded by the leadership. */
  readonly client: Pick<KubeClient, 'get' | 'list' | 'create' | 'replace'>
  readonly caches: Caches
  readonly events: Pick<EventRecorder, 'record'>
  readonly log: Logger
  readonly rush: Pick<Rush, 'note'>
}

/** Carries out what a plan names, one step at a time, and hands back what the next plan is made from. */
export class Steps {
  readonly #options: StepsOptions
  /** CronJobs that the API server does not keep as they were sent: writing them again would change nothing. */
  readonly #stubborn = new Map<string, string>()

  constructor(options: StepsOptions) {
    this.#options = options
  }

  async take(
    attempt: Attempt,
    input: PlanInput,
    next: Exclude<Plan, { kind: 'nothing' | 'settled' }>,
  ): Promise<PlanInput> {
    const { client } = this.#options
    if (next.kind === 'write') return this.#writeCronJob(attempt, input, next)
    if (next.kind === 'run') return this.#createJob(attempt, input, next.job)
    let { learned } = input
    for (const read of next.reads) {
      learned = await readLive(client, input.schedule.namespace, read, learned)
    }
    return { ...input, learned }
  }

  isStubborn(key: string, cronJob: CachedCronJob, schedule: CachedSchedule): boolean {
    return this.#stubborn.get(key) === versions(cronJob, schedule)
  }

  forget(key: string): void {
    this.#stubborn.delete(key)
  }

  /**
   * Each kind of objects has a watch of its own, and the schedules' may be the one that lags behind: a CronJob's version
   * does not keep it from being put back to an older spec, and a name that is free again does not mean that nothing was
   * made under it. What exists the first time needs no such look, nor do the thousands of a bulk.
   */
  async #confirm({ namespace, name, uid, resourceVersion }: CachedSchedule): Promise<void> {
    const { metadata } = await this.#options.client.get(RESOURCES.schedules, { namespace, name })
    if (metadata.uid === uid && metadata.resourceVersion === resourceVersion) return
    throw new Stop({ kind: 'stale' })
  }

  async #writeCronJob(
    attempt: Attempt,
    input: PlanInput,
    { step, events }: Extract<Plan, { kind: 'write' }>,
  ): Promise<PlanInput> {
    const { client, caches, log } = this.#options
    const { learned, schedule } = input
    const { key } = attempt
    if (step.kind === 'replace' || step.was === 'deleted') await this.#confirm(schedule)
    const sent = await outcomeOf(() =>
      step.kind === 'create'
        ? client.create(RESOURCES.cronJobs, step.body)
        : client.replace(RESOURCES.cronJobs, versioned(step.body)),
    )
    if ('error' in sent) {
      const consequence = this.#consequence(attempt, sent.error, input.now)
      if (consequence.kind === 'learn') {
        log.warn({ schedule: key, reason: wordsOf(sent.error) }, 'the CronJob was refused')
        return { ...input, learned: { ...learned, write: consequence.write } }
      }
      const read = { kind: 'cronJob', name: step.body.metadata.name } as const
      return { ...input, learned: await readLive(client, schedule.namespace, read, learned) }
    }
    const cronJob = projectCronJob(sent.value)
    caches.cronJobs.echo.wrote(key, cronJob.resourceVersion)
    this.#options.rush.note()
    log.info(
      { schedule: key, cronJob: cronJob.name, events: events.map(({ reason }) => reason) },
      'wrote the CronJob',
    )
    record(this.#options.events, schedule, events)
    this.#noteStubborn(key, step.body, cronJob, schedule)
    return { ...input, cronJob, learned: { ...learned, cronJob, write: { kind: 'done' } } }
  }

  #noteStubborn(key: string, body: KubeObject, cronJob: CachedCronJob, schedule: CachedSchedule): void {
    const difference = firstDifference(body, cronJob)
    if (difference === undefined) {
      this.#stubborn.delete(key)
      return
    }
    this.#stubborn.set(key, versions(cronJob, schedule))
    const { log } = this.#options
    log.warn(
      { schedule: key, field: difference },
      'the API server stores this field of the CronJob differently',
    )
  }

  async #createJob(attempt: Attempt, input: PlanInput, job: KubeObject): Promise<PlanInput> {
    const { client, caches, log } = this.#options
    const { learned, now } = input
    const { key } = attempt
    await this.#confirm(input.schedule)
    const made = await outcomeOf(() => client.create(RESOURCES.jobs, job))
    if ('value' in made) {
      caches.jobs.echo.wrote(key, made.value.metadata.resourceVersion)
      log.info({ schedule: key, job: job.metadata.name }, 'made the Job of a run request')
      return withJob(input, projectJob(made.value))
    }
    const consequence = this.#consequence(attempt, made.error, now)
    if (consequence.kind === 'learn') {
      log.warn({ schedule: key, reason: wordsOf(made.error) }, 'the Job of a run request was refused')
      return { ...input, learned: withRefusedRun(learned, consequence.write, now) }
    }
    const { namespace, name } = job.metadata
    const found = projectJob(await client.get(RESOURCES.jobs, { namespace, name }))
    if (found.controller?.uid === input.schedule.uid) return withJob(input, found)
    log.warn({ schedule: key, job: name }, 'a Job of somebody else has the name of the requested run')
    const message = `a Job ${name} exists, and is not this schedule's`
    return { ...input, learned: withRefusedRun(learned, { kind: 'refused', message }, now) }
  }

  /** What the step itself has to deal with; everything else ends the reconcile. */
  #consequence(
    { key, failures }: Attempt,
    error: unknown,
    now: number,
  ): Extract<Consequence, { kind: 'learn' | 'look' }> {
    const consequence = consequenceOf(failureOf(error), wordsOf(error), now, failures)
    if (consequence.kind === 'learn' || consequence.kind === 'look') return consequence
    logFailure(this.#options.log, key, error, consequence)
    throw new Stop(consequence)
  }
}

function versions({ resourceVersion }: CachedCronJob, { generation }: CachedSchedule): string {
  return `${resourceVersion} ${generation}`
}

function withJob(input: PlanInput, job: CachedJob): PlanInput {
  return { ...input, jobs: [...input.jobs.filter(({ uid }) => uid !== job.uid), job] }
}

/** The plan puts the version in: an update without one would overwrite what nobody has seen. */
function versioned(body: KubeObject): KubeObject & { metadata: ObjectMeta & { resourceVersion: string } } {
  const { resourceVersion } = body.metadata
  if (resourceVersion === undefined) throw new Error(`${body.metadata.name}: an update without a version`)
  return { ...body, metadata: { ...body.metadata, resourceVersion } }
}
