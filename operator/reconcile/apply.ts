import type { Logger } from 'pino'
import { StopReconcile, tryWrite } from './reconcile-result.ts'
import type { ReconcileRequest } from './reconcile-result.ts'
import type { Caches } from '../cache/caches.ts'
import type { Clock } from '../../common/clock.ts'
import { digestOf } from '../values/digest.ts'
import type { KubeClient } from '../kube/client.ts'
import { failureOf, errorMessage } from '../kube/errors.ts'
import type { EventRecorder } from '../kube/events.ts'
import { RESOURCES } from '../kube/object.ts'
import type { KubeObject, ObjectMeta } from '../kube/object.ts'
import { getOrUndefined, readLive } from './live-reads.ts'
import { projectCronJob, projectJob } from '../cache/projections.ts'
import type { CachedCronJob, CachedJob, CachedSchedule } from '../cache/projections.ts'
import { RateLimiter } from '../queue/rate-limiter.ts'
import type { LastWrite } from '../plan/cron-job/drift.ts'
import type { PlannedEvent } from '../plan/status/events.ts'
import { NOTHING_OBSERVED, withRefusedRun, withRefusedSuspension } from '../plan/inputs/live-reads.ts'
import type { CronJobWrite, Observed, RepeatedWrite } from '../plan/inputs/live-reads.ts'
import type { CronJobWriteStep, Plan, PlanInput } from '../plan/plan.ts'
import { instant } from '../values/time.ts'
import { recordEvents } from './record-events.ts'
import { RepeatedWrites } from './repeated-writes.ts'
import { consequenceOf, logFailure } from './on-write-error.ts'
import type { Consequence } from './on-write-error.ts'

export type ApplierOptions = {
  /** Guarded: it writes only while this replica leads. */
  readonly client: Pick<KubeClient, 'get' | 'list' | 'create' | 'replace' | 'patch'>
  readonly caches: Caches
  readonly events: Pick<EventRecorder, 'record'>
  readonly log: Logger
  readonly clock: Clock
}

/** Limits repairs and updates after an upgrade, when every CronJob may have to be written at once. */
const REPAIRS_PER_SECOND = 20
/** A schedule that is older than this and has no CronJob is rare, and may be gone. */
const NEW_MS = 60_000

/** Applies the steps of a plan, one at a time, and returns the input of the next plan. */
export class Applier {
  readonly #options: ApplierOptions
  readonly #repairRate: RateLimiter
  readonly #repeats = new RepeatedWrites()
  /** Last writes by schedule key, until the status records them. */
  readonly #written = new Map<string, LastWrite & { readonly scheduleUid: string }>()
  readonly #repeatedWrites = new Map<string, RepeatedWrite>()

  constructor(options: ApplierOptions) {
    this.#options = options
    this.#repairRate = new RateLimiter({ clock: options.clock, perSecond: REPAIRS_PER_SECOND })
  }

  /** Returns what is known about the last write of the schedule's CronJob. */
  written(key: string, { uid, status }: CachedSchedule): LastWrite | undefined {
    const own = this.#written.get(key)
    return own?.scheduleUid === uid ? own : status.cronJob
  }

  /** Returns this process's writes that the status does not record yet. */
  observedWrites(key: string): Observed {
    const repeated = this.#repeatedWrites.get(key)
    return repeated === undefined ? NOTHING_OBSERVED : { ...NOTHING_OBSERVED, repeated }
  }

  /** Must be called when the status that records the writes has been written. */
  statusWritten(key: string): void {
    this.#written.delete(key)
    this.#repeatedWrites.delete(key)
  }

  /** Drops all state of a schedule that no longer exists. */
  forget(key: string): void {
    this.statusWritten(key)
    this.#repeats.forget(key)
    this.#repairRate.forget(key)
  }

  /** Drops what was written in an earlier term: another replica may have written since. */
  startTerm(): void {
    this.#written.clear()
    this.#repeatedWrites.clear()
  }

  async apply(
    attempt: ReconcileRequest,
    input: PlanInput,
    next: Exclude<Plan, { kind: 'nothing' | 'settled' }>,
  ): Promise<PlanInput> {
    const { client } = this.#options
    if (next.kind === 'write') return this.#writeCronJob(attempt, input, next)
    if (next.kind === 'run') return this.#createJob(attempt, input, next.job)
    let { observed } = input
    for (const read of next.reads) {
      observed = await readLive(client, input.schedule.namespace, read, observed)
    }
    return { ...input, observed }
  }

  /**
   * Throws unless the API server has exactly this version of the schedule. Each resource has its own watch, and that
   * of the schedules may lag behind: then an outdated spec could be written over a newer one, or an object created
   * for a deleted schedule. A live schedule of this UID also proves that an earlier one of its name is gone. A
   * schedule that was created just now and has no CronJob is not checked, because that would cost a read for each of
   * thousands.
   */
  async #requireCurrent({ namespace, name, uid, resourceVersion }: CachedSchedule): Promise<void> {
    const found = await getOrUndefined(this.#options.client, RESOURCES.schedules, { namespace, name })
    if (found === undefined) throw new StopReconcile({ kind: 'gone' })
    const { metadata } = found
    if (metadata.uid === uid && metadata.resourceVersion === resourceVersion) return
    throw new StopReconcile({ kind: 'stale' })
  }

  async #writeCronJob(
    attempt: ReconcileRequest,
    input: PlanInput,
    { step, events }: Extract<Plan, { kind: 'write' }>,
  ): Promise<PlanInput> {
    const { client, caches, log } = this.#options
    const { observed, schedule, now } = input
    const { key } = attempt
    this.#limitRepairRate(key, input, step)
    const isNew = now - instant(schedule.createdAt) < NEW_MS
    if (step.kind !== 'create' || step.was === 'deleted' || !isNew) await this.#requireCurrent(schedule)
    const sent = await tryWrite(() => send(client, step))
    if ('error' in sent) {
      const consequence = this.#consequence(attempt, sent.error, now)
      if (consequence.kind === 'learn') {
        log.warn({ schedule: key, reason: errorMessage(sent.error) }, 'the CronJob was refused')
        return { ...input, observed: withRefusal(observed, step, consequence.write, now) }
      }
      const read = { kind: 'cronJob', name: nameOf(step) } as const
      return { ...input, observed: await readLive(client, schedule.namespace, read, observed) }
    }
    const cronJob = projectCronJob(sent.value)
    caches.cronJobs.expectations.expect(key, cronJob.resourceVersion)
    // An update that changes nothing keeps the version: it only served to learn how the API server stores the spec.
    const hasChanged = cronJob.resourceVersion !== versionBefore(step)
    if (hasChanged) this.#reportWrite(key, schedule, cronJob, events)
    const repeated = hasChanged ? this.#repeated(key, input, step) : undefined
    if (step.kind === 'suspend') return { ...input, cronJob, observed: { ...observed, cronJob, repeated } }
    const written = { uid: cronJob.uid, sentHash: digestOf(step.body['spec']), storedHash: cronJob.specHash }
    this.#written.set(key, { ...written, scheduleUid: schedule.uid })
    return {
      ...input,
      cronJob,
      written,
      observed: { ...observed, cronJob, repeated, write: { kind: 'done' } },
    }
  }

  #reportWrite(
    key: string,
    schedule: CachedSchedule,
    { name }: CachedCronJob,
    events: readonly PlannedEvent[],
  ): void {
    this.#options.log.info(
      { schedule: key, cronJob: name, events: events.map(({ reason }) => reason) },
      'wrote the CronJob',
    )
    recordEvents(this.#options.events, schedule, events)
  }

  /**
   * Changes that a user made are not limited. Writes that only serve to learn how the API server stores the spec are.
   */
  #limitRepairRate(key: string, { written, now }: PlanInput, step: CronJobWriteStep): void {
    if (step.kind !== 'replace' || (step.why === 'updated' && written?.sentHash !== undefined)) return
    const wait = this.#repairRate.when(key)
    if (wait > 0) throw new StopReconcile({ kind: 'done', requeueAt: now + wait })
  }

  /** Notes the write, and returns whether and why it repeats an earlier write of this process. */
  #repeated(
    key: string,
    { schedule, cronJob, observed, now }: PlanInput,
    step: CronJobWriteStep,
  ): RepeatedWrite | undefined {
    const content = step.kind === 'suspend' ? `suspend ${step.suspend}` : digestOf(step.body['spec'])
    const times = this.#repeats.note(key, `${schedule.uid} ${schedule.generation} ${content}`, now)
    if (times === 0) return undefined
    const before = step.kind === 'create' ? undefined : (observed.cronJob ?? cronJob)
    const repeated = { times, fieldManager: before?.lastManager ?? '' }
    this.#repeatedWrites.set(key, repeated)
    return repeated
  }

  async #createJob(attempt: ReconcileRequest, input: PlanInput, job: KubeObject): Promise<PlanInput> {
    const { client, caches, log } = this.#options
    const { observed, now } = input
    const { key } = attempt
    await this.#requireCurrent(input.schedule)
    const made = await tryWrite(() => client.create(RESOURCES.jobs, job))
    if ('value' in made) {
      caches.jobs.expectations.expect(key, made.value.metadata.resourceVersion)
      log.info({ schedule: key, job: job.metadata.name }, 'created the Job of a run request')
      return withJob(input, projectJob(made.value))
    }
    const consequence = this.#consequence(attempt, made.error, now)
    if (consequence.kind === 'learn') {
      log.warn({ schedule: key, reason: errorMessage(made.error) }, 'the Job of a run request was refused')
      return { ...input, observed: withRefusedRun(observed, consequence.write, now) }
    }
    const { namespace, name } = job.metadata
    const found = projectJob(await client.get(RESOURCES.jobs, { namespace, name }))
    if (found.controller?.uid === input.schedule.uid) return withJob(input, found)
    log.warn({ schedule: key, job: name }, 'a foreign Job has the name of the requested run')
    const message = `the Job ${name} exists and does not belong to this schedule`
    return { ...input, observed: withRefusedRun(observed, { kind: 'refused', message }, now) }
  }

  /** Returns the consequence if the step has to deal with it; every other error ends the reconcile. */
  #consequence(
    { key, failures }: ReconcileRequest,
    error: unknown,
    now: number,
  ): Extract<Consequence, { kind: 'learn' | 'look' }> {
    const consequence = consequenceOf(failureOf(error), errorMessage(error), now, failures)
    if (consequence.kind === 'learn' || consequence.kind === 'look') return consequence
    logFailure(this.#options.log, key, error, consequence)
    throw new StopReconcile(consequence)
  }
}

function send(client: ApplierOptions['client'], step: CronJobWriteStep): Promise<KubeObject> {
  switch (step.kind) {
    case 'create':
      return client.create(RESOURCES.cronJobs, step.body)
    case 'replace':
      return client.replace(RESOURCES.cronJobs, versioned(step.body))
    case 'suspend': {
      const { namespace, name, resourceVersion } = step.cronJob
      const change = { op: 'add', path: '/spec/suspend', value: step.suspend } as const
      return client.patch(RESOURCES.cronJobs, { namespace, name, resourceVersion }, [change])
    }
  }
}

function versionBefore(step: CronJobWriteStep): string | undefined {
  return step.kind === 'suspend' ? step.cronJob.resourceVersion : step.body.metadata.resourceVersion
}

function nameOf(step: CronJobWriteStep): string {
  return step.kind === 'suspend' ? step.cronJob.name : step.body.metadata.name
}

function withRefusal(observed: Observed, step: CronJobWriteStep, write: CronJobWrite, now: number): Observed {
  return step.kind === 'suspend' ? withRefusedSuspension(observed, write, now) : { ...observed, write }
}

function withJob(input: PlanInput, job: CachedJob): PlanInput {
  return { ...input, jobs: [...input.jobs.filter(({ uid }) => uid !== job.uid), job] }
}

/**
 * Checks that the plan has set the resource version: an update without one would overwrite changes that the operator
 * has not seen.
 */
function versioned(body: KubeObject): KubeObject & { metadata: ObjectMeta & { resourceVersion: string } } {
  const { resourceVersion } = body.metadata
  if (resourceVersion === undefined) throw new Error(`${body.metadata.name}: an update without a version`)
  return { ...body, metadata: { ...body.metadata, resourceVersion } }
}
