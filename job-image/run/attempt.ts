import { endAttempt, evictSilentAttempts, sessionName } from '../db/runs/attempts.ts'
import type { AttemptRef } from '../db/runs/attempts.ts'
import { inTransaction, reason } from '../db/session/client.ts'
import { interruptibleSleep } from '../interruptible-sleep.ts'
import type { Target } from '../db/session/client.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { isShortOfConnections } from '../db/session/errors.ts'
import { LostSessions } from '../db/session/lost-sessions.ts'
import { addControlTimes } from '../db/runs/control-times.ts'
import { runTotals } from '../db/record/totals.ts'
import { backoffDelay } from '../../common/backoff.ts'
import { InterruptedError, asError } from '../errors.ts'
import { parseTimestamp } from '../time.ts'
import { controlTimes, noTimes } from '../validation/control-times.ts'
import { FenceError, NO_BATCH, runBatch } from './batch.ts'
import type { BatchContext, BatchResult } from './batch.ts'
import { closeIfDecided, currentRun } from './close.ts'
import { leaveAttempt } from './leave.ts'
import { startHeartbeat } from './heartbeat.ts'
import type { Heartbeat } from './heartbeat.ts'
import { runLanes } from './lanes.ts'
import { planRun } from './plan.ts'
import type { RunOptions } from './options.ts'
import { Session } from './session.ts'
import { tracedBatch } from './run-spans.ts'

/** The database as a session of the run addresses it. */
export function targetOf(options: RunOptions, applicationName: string): Target {
  return {
    url: options.databaseUrl,
    writes: true,
    applicationName,
    onRetry: (error) => options.observer?.({ type: 'retrying', error: reason(error) }),
    signal: options.signal,
    tracing: options.tracing,
  }
}

/** The error of an attempt whose run was closed as failed, by this process or by a peer. */
function closedAsFailed({ error }: JobRun): string {
  return `the run was closed as failed: ${error ?? 'no reason was stored'}`
}

/** The first wait for systems that peers have claimed, in ms: most peers need only the rest of a batch. */
const FIRST_POLL = 20

/** A registered attempt with its sessions and its heartbeat. `work` always ends it. */
export class RunAttempt {
  readonly #options: RunOptions
  readonly #run: JobRun
  readonly #attempt: AttemptRef
  /** The sessions, one for each lane of batches. */
  readonly #workers: readonly Session[]
  /** The number of lanes that have work; set by planning. */
  #lanes = 1
  /** The first worker; it also does all work that is not a batch. */
  readonly #session: Session
  readonly #heartbeat: Heartbeat
  /** True once the lack of connections was reported. */
  #missesLanes = false

  constructor(options: RunOptions, attempt: AttemptRef & { readonly run: JobRun }) {
    this.#options = options
    this.#run = attempt.run
    this.#attempt = attempt
    const name = sessionName(attempt)
    const lost = new LostSessions()
    this.#session = new Session(targetOf(options, name), options.timing.outage, lost)
    const onRetry = (error: Error): void => {
      if (isShortOfConnections(error)) this.#missLane(error)
      else options.observer?.({ type: 'retrying', error: reason(error) })
    }
    const others = Array.from(
      { length: options.concurrency - 1 },
      () => new Session({ ...targetOf(options, name), onRetry }, options.timing.outage, lost),
    )
    this.#workers = [this.#session, ...others]
    this.#heartbeat = startHeartbeat({
      target: targetOf(options, `${name} heartbeat`),
      attempt,
      interval: options.timing.heartbeat,
      outage: options.timing.outage,
      workers: this.#workers,
      lost,
      onError: (error) => options.observer?.({ type: 'warning', message: `no heartbeat: ${error.message}` }),
    })
  }

  /**
   * Processes the run until it is closed, and returns it; undefined if this attempt must register again. `opener` is the
   * session that opened the run: its connection is reused.
   */
  async work(opener: Session): Promise<JobRun | undefined> {
    try {
      await this.#session.adopt(opener)
      const context = await this.#plan()
      let closed: JobRun | undefined
      try {
        closed = await this.#processQueue(context)
      } finally {
        await this.#storeTimes(context)
      }
      if (closed !== undefined) {
        const [outcome, error] =
          closed.status === 'success'
            ? (['success', null] as const)
            : (['failed', closedAsFailed(closed)] as const)
        await this.#session.run((client) => endAttempt(client, this.#attempt, outcome, error))
      }
      return closed
    } catch (thrown) {
      const error = asError(thrown)
      await leaveAttempt(this.#options, this.#attempt, this.#workers, error)
      throw error
    } finally {
      await this.#heartbeat.stop()
      await Promise.all(this.#workers.map((worker) => worker.close()))
    }
  }

  async #plan(): Promise<BatchContext> {
    const { timing, batchSize, observer } = this.#options
    const { plan, digest, controlSetId } = await this.#session.run(async (client) => {
      await evictSilentAttempts(client, this.#run, timing.abandonAfter)
      return inTransaction(client, () => planRun(client, this.#run, this.#options))
    })
    const { systems, pending } = await this.#session.run((client) => runTotals(client, this.#run))
    this.#lanes = Math.max(1, Math.min(this.#workers.length, Math.ceil(pending / batchSize)))
    observer?.({ type: 'planned', systems, pending, controls: plan.controls.length })
    for (const { controlId, message } of plan.invalidControls) {
      observer?.({ type: 'warning', message: `${controlId}: ${message}` })
    }
    return {
      run: this.#run,
      plan,
      planDigest: digest,
      times: noTimes(plan),
      controlSetId,
      published: this.#options.publish === 'all',
      controlColumns: plan.controls.map(({ id }) => `${id}\t`),
      referenceTime: parseTimestamp(this.#run.reference_time ?? this.#run.started_at),
      batchSize,
    }
  }

  /** Processes batches until the queue is empty and the run is closed; waits for systems that peers have claimed. */
  async #processQueue(context: BatchContext): Promise<JobRun | undefined> {
    const { signal, timing, observer } = this.#options
    let idle = 0
    for (;;) {
      if (signal?.aborted === true) throw new InterruptedError('stopped with systems left to validate')
      if (this.#heartbeat.abandoned()) {
        // Throws if the run is gone: registering again would start a new one.
        await this.#session.run((client) => currentRun(client, this.#run))
        return undefined
      }
      if (await this.#drain(context)) {
        idle = 0
        continue
      }
      const run = await this.#close()
      if (run.status !== 'running') return run
      // A failover lost the plan: without it no system would ever be pending.
      if (run.planned_at === null) return undefined
      observer?.({ type: 'waiting', reason: 'other workers have the remaining systems' })
      await this.#heartbeatIfOverdue(this.#session)
      await this.#session.run((client) => evictSilentAttempts(client, context.run, timing.abandonAfter))
      await interruptibleSleep(backoffDelay({ first: FIRST_POLL, longest: timing.poll }, idle), signal)
      idle += 1
    }
  }

  /** Processes batches on all lanes concurrently until none finds anything to claim; true if there were any. */
  async #drain(context: BatchContext): Promise<boolean> {
    const { signal } = this.#options
    let any = false
    await runLanes({
      sessions: this.#workers.slice(0, this.#lanes),
      mayContinue: () => signal?.aborted !== true && !this.#heartbeat.abandoned(),
      step: async (session, idle) => {
        const done = await this.#batch(session, context, idle)
        if (done.systems === 0) return false
        any = true
        this.#report(done)
        await this.#heartbeatIfOverdue(session)
        return true
      },
      onMissing: (error) => this.#missLane(error),
    })
    return any
  }

  /** Warns once that some lanes have no connection; the others do the work. */
  #missLane(error: Error): void {
    if (this.#missesLanes) return
    this.#missesLanes = true
    const message = `fewer database connections than the ${this.#lanes} wanted: ${error.message}; the run continues with those it has`
    this.#options.observer?.({ type: 'warning', message })
  }

  /**
   * Sends the heartbeat on a worker's session if it gets no connection of its own: otherwise peers would abandon the
   * attempt. `Heartbeat` reports its own errors.
   */
  async #heartbeatIfOverdue(session: Session): Promise<void> {
    if (!this.#heartbeat.overdue()) return
    await session.run((client) => this.#heartbeat.sendOn(client)).catch(() => undefined)
  }

  #report({ systems, results, errors }: BatchResult): void {
    const { observer } = this.#options
    for (const { systemId, error } of errors) {
      observer?.({ type: 'system-error', systemId, error })
    }
    observer?.({ type: 'progress', systems, results })
  }

  /** Processes one batch. A run that was closed meanwhile counts as one without work; `#close` distinguishes them. */
  async #batch(session: Session, context: BatchContext, idle: AbortSignal): Promise<BatchResult> {
    return tracedBatch(this.#options, async () => {
      try {
        return await session.run((client) => runBatch(client, context), idle)
      } catch (error) {
        if (error instanceof FenceError) return NO_BATCH
        throw error
      }
    })
  }

  /** Stores the time per control. Errors are ignored: these are statistics. */
  async #storeTimes({ plan, times }: BatchContext): Promise<void> {
    const rows = controlTimes(plan, times).flatMap((us, index) =>
      us > 0 ? [{ controlId: plan.controls[index]!.id, us }] : [],
    )
    if (rows.length === 0) return
    await this.#session.run((client) => addControlTimes(client, this.#run, rows)).catch(() => undefined)
  }

  /** Closes the run if no system is pending; returns its current row. */
  async #close(): Promise<JobRun> {
    return this.#session.run(async (client) => {
      const run = await currentRun(client, this.#run)
      if (run.status !== 'running') return run
      const closed = await closeIfDecided(client, run, this.#options)
      return closed ?? run
    })
  }
}
