import { API_VERSION, KIND } from '../../crds/validation-schedule.ts'
import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import { StopReconcile, tryWrite } from './reconcile-result.ts'
import type { ReconcileRequest, ReconcileResult } from './reconcile-result.ts'
import { uidKey } from '../cache/caches.ts'
import type { Clock } from '../../common/clock.ts'
import type { Coverage } from '../cache/coverage.ts'
import type { KubeClient } from '../kube/client.ts'
import { UnreachableError, failureOf, errorMessage } from '../kube/errors.ts'
import { RESOURCES, keyOf } from '../kube/object.ts'
import type { CachedJob, CachedSchedule } from '../cache/projections.ts'
import type { Notices } from '../notices/notices.ts'
import type { JobDefaults } from '../plan/inputs/job-defaults.ts'
import { NOTHING_OBSERVED, needsBackoff } from '../plan/inputs/live-reads.ts'
import { childName } from '../values/names.ts'
import { plan } from '../plan/plan.ts'
import type { PlanInput, Settled } from '../plan/plan.ts'
import { sameJson } from '../plan/status/status.ts'
import type { Work, WorkQueue } from '../queue/queue.ts'
import { recordEvents } from './record-events.ts'
import { Applier } from './apply.ts'
import type { ApplierOptions } from './apply.ts'
import { consequenceOf, logFailure } from './on-write-error.ts'

export type ReconcilerOptions = ApplierOptions & {
  readonly client: Pick<KubeClient, 'replaceStatus' | 'remove'>
  readonly defaults: JobDefaults
  readonly coverage: Pick<Coverage, 'isReadable'>
  readonly clock: Clock
  readonly queue: Pick<WorkQueue, 'isBusy'>
  /** Undefined if no webhook is configured. */
  readonly notices?: Pick<Notices, 'startTerm' | 'markReported' | 'enqueue' | 'forget'> | undefined
}

/**
 * A plan needs four rounds: reads, a write, a second write, the status. As many again are allowed for changes in the
 * meantime.
 */
const MAX_ROUNDS = 8
/**
 * How often the API server is asked about a schedule that the cache still has after its deletion. The cache learns of
 * a deletion within 90 s, even if its watch hangs.
 */
const GONE_RECHECK_MS = 60_000
/** Creation times of Jobs have whole seconds, and their watch events take a moment. */
const REPORT_MARGIN_MS = 5_000
/** Decisions from a time without a leader are reported if they are not older than this. */
const CATCH_UP_MS = 600_000

/** Reconciles one schedule: gather, plan, apply, and again until nothing is left to do. */
export class Reconciler {
  readonly #options: ReconcilerOptions
  readonly #applier: Applier
  readonly #plannedAt = new Map<string, number>()
  /** Schedules, by key, that the API server no longer has although the cache does. Nothing is created for them. */
  readonly #gone = new Map<string, { readonly uid: string; readonly until: number }>()

  constructor(options: ReconcilerOptions) {
    this.#options = options
    this.#applier = new Applier(options)
  }

  async reconcile(key: string, { failures, priority }: Work): Promise<ReconcileResult> {
    const { caches, clock } = this.#options
    const schedule = caches.schedules.store.get(key)
    if (schedule === undefined) {
      this.#plannedAt.delete(key)
      this.#gone.delete(key)
      this.#applier.forget(key)
      this.#options.notices?.forget(key)
      return { kind: 'done' }
    }
    // Objects of a namespace that cannot be read may still exist. The schedules are queued again when it can be read.
    if (!this.#options.coverage.isReadable(schedule.namespace)) return { kind: 'done' }
    // From a cache that is older than the last write, the plan would repeat that write.
    const current = [caches.schedules, caches.cronJobs, caches.jobs].every(({ expectations: echo }) =>
      echo.satisfied(key),
    )
    if (!current) return { kind: 'stale' }
    const now = clock.date().getTime()
    const gone = this.#gone.get(key)
    if (gone?.uid === schedule.uid && now < gone.until) return { kind: 'done', requeueAt: gone.until }
    this.#options.notices?.markReported(key, schedule, now)
    try {
      return await this.#converge({ key, failures, priority }, this.#gather(key, schedule, now))
    } catch (error) {
      const result = error instanceof StopReconcile ? error.result : this.#handleError(key, error, now)
      return result.kind === 'gone' ? this.#markGone(key, schedule, now) : result
    }
  }

  #markGone(key: string, { uid }: CachedSchedule, now: number): ReconcileResult {
    const until = now + GONE_RECHECK_MS
    this.#gone.set(key, { uid, until })
    this.#options.log.info(
      { schedule: key },
      'the schedule is gone, but its watch has not delivered the deletion yet',
    )
    return { kind: 'done', requeueAt: until }
  }

  /** Must be called when this replica starts leading: decisions of an earlier term may not have been reported. */
  startTerm(): void {
    this.#plannedAt.clear()
    this.#applier.startTerm()
    this.#options.notices?.startTerm()
  }

  #gather(key: string, schedule: CachedSchedule, now: number): PlanInput {
    const { caches, defaults } = this.#options
    const { namespace, name } = schedule
    const cronJob = caches.cronJobs.store.get(keyOf({ namespace, name: childName(name) }))
    return {
      schedule,
      cronJob,
      written: this.#applier.written(key, schedule),
      jobs: caches.jobs.store.by('schedule', uidKey(schedule)),
      ofCronJob: cronJob === undefined ? [] : caches.jobs.store.by('owner', uidKey(cronJob)),
      pods: caches.pods.store.by('schedule', uidKey(schedule)),
      observed: this.#applier.observedWrites(key),
      defaults,
      now,
      plannedAt: this.#plannedAt.get(key) ?? now - CATCH_UP_MS,
    }
  }

  async #converge(attempt: ReconcileRequest, start: PlanInput): Promise<ReconcileResult> {
    let input = start
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const next = plan(input)
      if (next.kind === 'nothing') return { kind: 'done' }
      if (next.kind === 'settled') {
        if (this.#canPostponeStatus(attempt, input, next)) return { kind: 'postponed' }
        return this.#settle(attempt.key, input, next)
      }
      input = await this.#applier.apply(attempt, input, next)
    }
    // Another writer changes the objects as fast as they are read.
    return { kind: 'backOff', atLeast: 0 }
  }

  /**
   * While other schedules wait, their CronJobs are written before this status: a CronJob must exist before its slot.
   * A status that concerns runs is written at once. So is one that needed live reads, which would have to be
   * repeated.
   */
  #canPostponeStatus(
    { priority }: ReconcileRequest,
    { observed, schedule }: PlanInput,
    { status }: Settled,
  ): boolean {
    const isInCaches = observed === NOTHING_OBSERVED || observed.write?.kind === 'done'
    if (status === undefined || priority === 'low' || !isInCaches || !this.#options.queue.isBusy) return false
    return sameJson(runsIn(status), runsIn(schedule.status))
  }

  async #settle(
    key: string,
    { schedule, now, observed }: PlanInput,
    settled: Settled,
  ): Promise<ReconcileResult> {
    const { status, events, notices } = settled
    const recordPlanned = (): void => recordEvents(this.#options.events, schedule, events)
    if (status !== undefined) {
      await this.#writeStatus(key, schedule, status).catch((error: unknown) => {
        // The status may have been written, and then no later reconcile records these events. Recording an event
        // twice is harmless, because it has one name.
        if (error instanceof UnreachableError) recordPlanned()
        throw error
      })
    }
    this.#applier.statusWritten(key)
    recordPlanned()
    this.#options.notices?.enqueue(key, schedule, notices)
    this.#plannedAt.set(key, now - REPORT_MARGIN_MS)
    for (const job of settled.prune) await this.#deleteJob(job)
    if (needsBackoff(observed)) return { kind: 'backOff', atLeast: 0 }
    return { kind: 'done', requeueAt: settled.requeueAt }
  }

  async #writeStatus(key: string, schedule: CachedSchedule, status: ValidationScheduleStatus): Promise<void> {
    const { client, caches } = this.#options
    const { namespace, name, uid, resourceVersion } = schedule
    const sent = await tryWrite(() =>
      client.replaceStatus(RESOURCES.schedules, {
        apiVersion: API_VERSION,
        kind: KIND,
        metadata: { namespace, name, uid, resourceVersion },
        status,
      }),
    )
    if ('value' in sent) {
      caches.schedules.expectations.expect(key, sent.value.metadata.resourceVersion)
      return
    }
    if (failureOf(sent.error).kind === 'notFound') throw new StopReconcile({ kind: 'gone' })
    throw sent.error
  }

  async #deleteJob({ namespace, name, uid }: CachedJob): Promise<void> {
    const { client, caches, log } = this.#options
    const removed = await tryWrite(() => client.remove(RESOURCES.jobs, { namespace, name }, { uid }))
    if ('value' in removed) {
      // Otherwise the watch event of the status, which usually arrives first, would delete the Job once more.
      caches.jobs.store.delete(keyOf({ namespace, name }))
      return
    }
    const { kind } = failureOf(removed.error)
    // The Job is gone already, or another Job has its name.
    if (kind !== 'notFound' && kind !== 'conflict')
      log.warn({ job: name, reason: errorMessage(removed.error) }, 'cannot delete an old Job')
  }

  /** Handles the error of a read or of a status write. */
  #handleError(key: string, error: unknown, now: number): ReconcileResult {
    const failure = failureOf(error)
    if (failure.kind === 'namespaceTerminating') return { kind: 'drop' }
    const consequence = consequenceOf(failure, errorMessage(error), now)
    logFailure(this.#options.log, key, error, consequence)
    if (consequence.kind === 'learn' || consequence.kind === 'look') return { kind: 'backOff', atLeast: 0 }
    return consequence
  }
}

function runsIn({ active, lastRun, lastHandledRunRequest }: ValidationScheduleStatus): unknown {
  return { active, lastRun, lastHandledRunRequest }
}
