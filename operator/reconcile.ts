import type { Logger } from 'pino'
import { API_VERSION, KIND } from '../crds/validation-schedule.ts'
import type { ValidationScheduleStatus } from '../crds/validation-schedule.ts'
import type { Caches } from './caches.ts'
import type { Clock } from './clock.ts'
import type { KubeClient } from './kube/client.ts'
import { failureOf, wordsOf } from './kube/errors.ts'
import type { EventRecorder } from './kube/events.ts'
import { RESOURCES, keyOf } from './kube/object.ts'
import type { KubeObject, ObjectMeta } from './kube/object.ts'
import { readLive } from './live-reads.ts'
import { projectCronJob, projectJob } from './model.ts'
import type { CachedJob, CachedSchedule } from './model.ts'
import { firstDifference } from './plan/drift.ts'
import type { PlannedEvent } from './plan/events.ts'
import type { JobDefaults } from './plan/job-defaults.ts'
import { NOTHING_LEARNED, isFailing, withRefusedRun } from './plan/live-reads.ts'
import { childName } from './plan/names.ts'
import { plan } from './plan/plan.ts'
import type { Plan, PlanInput, Settled } from './plan/plan.ts'
import type { Work } from './queue.ts'
import { consequenceOf } from './write-failure.ts'
import type { Consequence } from './write-failure.ts'

/** What to do with the key when the reconcile is over. */
export type Result =
  | { readonly kind: 'done'; readonly requeueAt?: number | undefined }
  /** Others wait for their turn: once more after them. */
  | { readonly kind: 'again' }
  /** Only words are left to be written, and others have more urgent work. */
  | { readonly kind: 'putOff' }
  | Extract<Consequence, { kind: 'stale' | 'backOff' | 'drop' }>

export type ReconcilerOptions = {
  /** Guarded by the leadership. */
  readonly client: Pick<KubeClient, 'get' | 'list' | 'create' | 'replace' | 'replaceStatus' | 'remove'>
  readonly caches: Caches
  readonly events: Pick<EventRecorder, 'record'>
  readonly defaults: JobDefaults
  readonly clock: Clock
  readonly log: Logger
  /** Whether many schedules have changed at once. */
  readonly isRushed: () => boolean
}

/** Reads, write, write again, settle: four rounds, and as many again for what changes under our hands. */
const MOST_ROUNDS = 8
/** The creation times of Jobs are cut to seconds, and their events take a moment. */
const TOLD_MARGIN_MS = 5_000
/** What was decided while nobody looked is told if it is no older than this. */
const UNSEEN_MS = 600_000

type Attempt = Work & { readonly key: string }

/** Thrown out of a step to end the reconcile with this result. */
class Stop extends Error {
  readonly result: Result
  constructor(result: Result) {
    super(result.kind)
    this.result = result
  }
}

/** Brings one schedule to where it should be: gather, plan, do, and again until nothing is left to do. */
export class Reconciler {
  readonly #options: ReconcilerOptions
  readonly #plannedAt = new Map<string, number>()
  /** CronJobs that the API server does not keep as they were sent: writing them again would change nothing. */
  readonly #settled = new Map<string, string>()

  constructor(options: ReconcilerOptions) {
    this.#options = options
  }

  async reconcile(key: string, { failures, wasPutOff }: Work): Promise<Result> {
    const { caches, clock } = this.#options
    const schedule = caches.schedules.store.get(key)
    if (schedule === undefined) {
      this.#plannedAt.delete(key)
      this.#settled.delete(key)
      return { kind: 'done' }
    }
    // A cache older than our last write would make us do it again.
    const current = [caches.schedules, caches.cronJobs, caches.jobs].every(({ echo }) => echo.caughtUp(key))
    if (!current) return { kind: 'stale' }
    const now = clock.date().getTime()
    try {
      return await this.#work({ key, failures, wasPutOff }, this.#gather(key, schedule, now))
    } catch (error) {
      if (error instanceof Stop) return error.result
      return this.#failed(key, error, now)
    }
  }

  #gather(key: string, schedule: CachedSchedule, now: number): PlanInput {
    const { caches, defaults } = this.#options
    const { namespace, name, uid, generation } = schedule
    const cronJob = caches.cronJobs.store.get(keyOf({ namespace, name: childName(name) }))
    const settled =
      cronJob !== undefined && this.#settled.get(key) === `${cronJob.resourceVersion} ${generation}`
    return {
      schedule,
      cronJob,
      jobs: caches.jobs.store.by('schedule', uid),
      pods: caches.pods.store.by('schedule', uid),
      learned: settled ? { ...NOTHING_LEARNED, write: { kind: 'done' } } : NOTHING_LEARNED,
      defaults,
      now,
      plannedAt: this.#plannedAt.get(key) ?? now - UNSEEN_MS,
    }
  }

  async #work(attempt: Attempt, start: PlanInput): Promise<Result> {
    let input = start
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const next = plan(input)
      if (next.kind === 'nothing') return { kind: 'done' }
      if (next.kind === 'settled') {
        if (this.#canWait(attempt, input, next)) return { kind: 'putOff' }
        return this.#settle(attempt.key, input, next)
      }
      input = await this.#step(attempt, input, next)
    }
    // Somebody changes things as fast as we look at them.
    return { kind: 'backOff', atLeast: 0 }
  }

  /** In a rush CronJobs come before words about them; but what was refused need not be asked for once more. */
  #canWait({ wasPutOff }: Attempt, { learned: { write, run } }: PlanInput, { status }: Settled): boolean {
    const refused = run !== undefined || (write !== undefined && write.kind !== 'done')
    return status !== undefined && !wasPutOff && !refused && this.#options.isRushed()
  }

  async #step(
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
    log.info(
      { schedule: key, cronJob: cronJob.name, events: events.map(({ reason }) => reason) },
      'wrote the CronJob',
    )
    this.#record(schedule, events)
    this.#noteStubborn(key, step.body, cronJob, schedule)
    return { ...input, cronJob, learned: { ...learned, cronJob, write: { kind: 'done' } } }
  }

  #noteStubborn(
    key: string,
    body: KubeObject,
    cronJob: ReturnType<typeof projectCronJob>,
    { generation }: CachedSchedule,
  ): void {
    const difference = firstDifference(body, cronJob)
    if (difference === undefined) {
      this.#settled.delete(key)
      return
    }
    this.#settled.set(key, `${cronJob.resourceVersion} ${generation}`)
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

  async #settle(key: string, { schedule, now, learned }: PlanInput, settled: Settled): Promise<Result> {
    if (settled.status !== undefined) await this.#writeStatus(key, schedule, settled.status)
    this.#record(schedule, settled.events)
    this.#plannedAt.set(key, now - TOLD_MARGIN_MS)
    for (const job of settled.prune) await this.#prune(job)
    if (isFailing(learned)) return { kind: 'backOff', atLeast: 0 }
    return { kind: 'done', requeueAt: settled.requeueAt }
  }

  async #writeStatus(key: string, schedule: CachedSchedule, status: ValidationScheduleStatus): Promise<void> {
    const { client, caches } = this.#options
    const { namespace, name, uid, resourceVersion } = schedule
    const written = await client.replaceStatus(RESOURCES.schedules, {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { namespace, name, uid, resourceVersion },
      status,
    })
    caches.schedules.echo.wrote(key, written.metadata.resourceVersion)
  }

  async #prune({ namespace, name, uid }: CachedJob): Promise<void> {
    const { client, caches, log } = this.#options
    const removed = await outcomeOf(() => client.remove(RESOURCES.jobs, { namespace, name }, { uid }))
    if ('value' in removed) {
      // Or the echo of the status, which mostly comes first, would have it deleted once more.
      caches.jobs.store.delete(keyOf({ namespace, name }))
      return
    }
    const { kind } = failureOf(removed.error)
    // Gone already, or another Job by now.
    if (kind !== 'notFound' && kind !== 'conflict')
      log.warn({ job: name, reason: wordsOf(removed.error) }, 'cannot delete an old Job')
  }

  #record({ namespace, name, uid }: CachedSchedule, events: readonly PlannedEvent[]): void {
    for (const event of events) {
      this.#options.events.record({
        ...event,
        regarding: { apiVersion: API_VERSION, kind: KIND, namespace, name, uid },
      })
    }
  }

  /** What the step itself has to deal with; everything else ends the reconcile. */
  #consequence(
    { key, failures }: Attempt,
    error: unknown,
    now: number,
  ): Extract<Consequence, { kind: 'learn' | 'look' }> {
    const consequence = consequenceOf(failureOf(error), wordsOf(error), now, failures)
    if (consequence.kind === 'learn' || consequence.kind === 'look') return consequence
    this.#log(key, error, consequence)
    throw new Stop(consequence)
  }

  /** Of a read, or of the status. */
  #failed(key: string, error: unknown, now: number): Result {
    const failure = failureOf(error)
    if (failure.kind === 'namespaceTerminating') return { kind: 'drop' }
    const consequence = consequenceOf(failure, wordsOf(error), now)
    this.#log(key, error, consequence)
    if (consequence.kind === 'learn' || consequence.kind === 'look') return { kind: 'backOff', atLeast: 0 }
    return consequence
  }

  #log(key: string, error: unknown, { kind }: Consequence): void {
    const { log } = this.#options
    const fields = { schedule: key, reason: wordsOf(error) }
    if (kind === 'backOff' || kind === 'learn') log.warn(fields, 'trying again later')
    else log.debug(fields, 'read something out of date')
  }
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

async function outcomeOf<T>(
  write: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await write() }
  } catch (error) {
    return { error }
  }
}
