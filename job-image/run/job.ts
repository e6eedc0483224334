import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { RunSummary } from '../../crds/run-summary.ts'
import { endAttempt, evictSilentAttempts, sessionName } from '../db/runs/attempts.ts'
import type { AttemptRef } from '../db/runs/attempts.ts'
import { inTransaction, interruptibleSleep, reason, sessionWarnings } from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { refuseExhaustedIds } from '../db/schema/id-exhaustion.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { isShortOfConnections } from '../db/session/errors.ts'
import { LostSessions } from '../db/session/lost-sessions.ts'
import { refuseSharedSessions } from '../db/session/refuse-pgbouncer.ts'
import { refuseRowSecurity } from '../db/session/row-security.ts'
import { addControlTimes } from '../db/runs/run-controls.ts'
import { runTotals } from '../db/runs/run-systems.ts'
import { requireCurrentSchema } from '../db/schema/schema.ts'
import { backoffDelay } from '../../common/backoff.ts'
import { InterruptedError, asError } from '../errors.ts'
import { startCourier } from '../outbox/send-due.ts'
import type { Courier } from '../outbox/send-due.ts'
import { parseTimestamp } from '../time.ts'
import { controlTimes, noTimes } from '../validation/control-times.ts'
import { FenceError, NO_BATCH, runBatch } from './batch.ts'
import type { BatchContext, BatchResult } from './batch.ts'
import { closeIfDecided, currentRun } from './close.ts'
import { leaveAttempt } from './farewell.ts'
import { startHeartbeat } from './heartbeat.ts'
import type { Heartbeat } from './heartbeat.ts'
import { runLanes } from './lanes.ts'
import { neededResults } from './needed-results.ts'
import { openRun } from './open.ts'
import { planRun } from './plan.ts'
import type { RunRequest } from './request.ts'
import { Session } from './session.ts'
import { summaryOf } from './summary.ts'
import { Tally } from './control-counts.ts'
import { tracedBatch, tracedRun } from './run-spans.ts'

/**
 * One attempt at a run, from the first look at the database to the run's summary:
 * open → plan → batches → close. Resolves when the run is closed, by this process or by another one. Rejects with an
 * InputError (nothing to gain by a retry), an InterruptedError (`signal` was aborted with work left) or a RunError.
 */
export async function executeRun(request: RunRequest): Promise<RunSummary> {
  return tracedRun(request, attemptRun)
}

async function attemptRun(request: RunRequest): Promise<RunSummary> {
  const target = targetOf(request, 'rapidrmf')
  const session = new Session(target, request.timing.outage)
  let courier: Courier | undefined
  const warn = (message: string): void => request.observer?.({ type: 'warning', message })
  // Told before anything is sent: what waits for the summary does not wait for receivers.
  const ended = (run: JobRun): RunSummary => {
    const summary = summaryOf(run)
    request.observer?.({ type: 'closed', summary })
    return summary
  }
  try {
    await session.run((client) =>
      refuseSharedSessions(
        client,
        { ...target, retryFor: request.timing.outage },
        async () => {
          for (const warning of sessionWarnings(client)) warn(warning)
          await requireCurrentSchema(client)
          await refuseRowSecurity(client)
          const selected = (): Promise<number> => neededResults(client, request)
          await refuseExhaustedIds(client, request.environment, selected, warn)
        },
        warn,
      ),
    )
    courier = startCourier(request)
    // Unique to this process: it is how the attempt is found again after a lost connection.
    const worker = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`
    for (;;) {
      const opened = await openRun(session, request, worker)
      if (opened.kind === 'closed') return ended(opened.run)
      const { run, attempt, resumed } = opened
      request.observer?.({ type: 'opened', runId: run.id, attempt, resumed, worker })
      const closed = await new AttemptAtRun(request, { run, attempt, worker }).work(session)
      if (closed !== undefined) return ended(closed)
      // A peer took this attempt for dead (the process was frozen), or a failover lost it: register again and go on.
    }
  } finally {
    await session.close()
    await courier?.finish()
  }
}

function targetOf(request: RunRequest, applicationName: string): Target {
  return {
    url: request.databaseUrl,
    writes: true,
    applicationName,
    onRetry: (error) => request.observer?.({ type: 'retrying', error: reason(error) }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    ...(request.tracing === undefined ? {} : { tracing: request.tracing }),
  }
}

/** A run that was closed as failed, by this process or by a peer, leaves work undone: its attempts failed too. */
function closedAsFailed({ error }: JobRun): string {
  return `the run was closed as failed: ${error ?? 'no reason is known'}`
}

/** Peers mostly need no longer than the rest of a batch for what they have, in ms. */
const FIRST_POLL = 20

/** A registered attempt: its sessions carry its name, its heart beats, and it is ended whatever happens. */
class AttemptAtRun {
  readonly #request: RunRequest
  readonly #run: JobRun
  readonly #attempt: AttemptRef
  /** One lane of batches each. */
  readonly #workers: readonly Session[]
  /** How many of them have anything to do; known from planning on. */
  #lanes = 1
  /** The first of them: does what is not a batch. */
  readonly #session: Session
  readonly #heartbeat: Heartbeat
  /** Whether it was said that there are fewer connections than lanes. */
  #missesLanes = false

  constructor(request: RunRequest, attempt: AttemptRef & { readonly run: JobRun }) {
    this.#request = request
    this.#run = attempt.run
    this.#attempt = attempt
    const name = sessionName(attempt)
    const lost = new LostSessions()
    this.#session = new Session(targetOf(request, name), request.timing.outage, lost)
    const onRetry = (error: Error): void => {
      if (isShortOfConnections(error)) this.#missLane(error)
      else request.observer?.({ type: 'retrying', error: reason(error) })
    }
    const others = Array.from(
      { length: request.concurrency - 1 },
      () => new Session({ ...targetOf(request, name), onRetry }, request.timing.outage, lost),
    )
    this.#workers = [this.#session, ...others]
    this.#heartbeat = startHeartbeat({
      target: targetOf(request, `${name} heartbeat`),
      attempt,
      interval: request.timing.heartbeat,
      patience: request.timing.outage,
      workers: this.#workers,
      lost,
      onError: (error) => request.observer?.({ type: 'warning', message: `no heartbeat: ${error.message}` }),
    })
  }

  /**
   * The closed run; undefined if the run goes on and this attempt must register again. `opener` is the session that
   * opened the run: its connection is taken over.
   */
  async work(opener: Session): Promise<JobRun | undefined> {
    try {
      await this.#session.adopt(opener)
      const context = await this.#plan()
      let closed: JobRun | undefined
      try {
        closed = await this.#workOff(context)
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
      await leaveAttempt(this.#request, this.#attempt, this.#workers, error)
      throw error
    } finally {
      await this.#heartbeat.stop()
      await Promise.all(this.#workers.map((worker) => worker.close()))
    }
  }

  async #plan(): Promise<BatchContext> {
    const { timing, batchSize, observer } = this.#request
    const { plan, digest } = await this.#session.run(async (client) => {
      await evictSilentAttempts(client, this.#run, timing.abandonAfter)
      return inTransaction(client, () => planRun(client, this.#run, this.#request))
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
      tally: new Tally(plan.controls.length),
      controlColumns: plan.controls.map(({ id }) => `${id}\t`),
      referenceTime: parseTimestamp(this.#run.reference_time ?? this.#run.started_at),
      batchSize,
    }
  }

  /** Batches until the queue is empty and the run closed; waits for the systems that peers have claimed. */
  async #workOff(context: BatchContext): Promise<JobRun | undefined> {
    const { signal, timing, observer } = this.#request
    let idle = 0
    for (;;) {
      if (signal?.aborted === true) throw new InterruptedError('stopped with systems left to validate')
      if (this.#heartbeat.abandoned()) {
        // Only of a run that is still here: to register again begins one that is not.
        await this.#session.run((client) => currentRun(client, this.#run))
        return undefined
      }
      if (await this.#drain(context)) {
        idle = 0
        continue
      }
      const run = await this.#close(context)
      if (run.status !== 'running') return run
      // The server that came back has lost the plan: nothing would ever be pending.
      if (run.planned_at === null) return undefined
      observer?.({ type: 'waiting', reason: 'other workers have the remaining systems' })
      await this.#beatIfOverdue(this.#session)
      await this.#session.run((client) => evictSilentAttempts(client, context.run, timing.abandonAfter))
      await interruptibleSleep(backoffDelay({ first: FIRST_POLL, longest: timing.poll }, idle), signal)
      idle += 1
    }
  }

  /** Batches on all lanes side by side until none finds anything to claim; whether there was any. */
  async #drain(context: BatchContext): Promise<boolean> {
    const { signal } = this.#request
    let any = false
    await runLanes({
      sessions: this.#workers.slice(0, this.#lanes),
      goesOn: () => signal?.aborted !== true && !this.#heartbeat.abandoned(),
      step: async (session, idle) => {
        const done = await this.#batch(session, context, idle)
        if (done.systems === 0) return false
        any = true
        this.#report(done)
        await this.#beatIfOverdue(session)
        return true
      },
      onMissing: (error) => this.#missLane(error),
    })
    return any
  }

  /** Once: the lanes that have a connection do the work. */
  #missLane(error: Error): void {
    if (this.#missesLanes) return
    this.#missesLanes = true
    const message = `fewer database connections than the ${this.#lanes} wanted: ${error.message}; the run goes on with those it has`
    this.#request.observer?.({ type: 'warning', message })
  }

  /**
   * Peers take an attempt for dead that shows no sign of life, also where it could not have one more connection. The heart
   * itself says what keeps it from beating.
   */
  async #beatIfOverdue(session: Session): Promise<void> {
    if (!this.#heartbeat.overdue()) return
    await session.run((client) => this.#heartbeat.beatOn(client)).catch(() => undefined)
  }

  #report({ systems, results, errors }: BatchResult): void {
    const { observer } = this.#request
    for (const { systemId, error } of errors) {
      observer?.({ type: 'system-error', systemId, error: error ?? '' })
    }
    observer?.({ type: 'progress', systems, results })
  }

  /** A run that was closed meanwhile looks like one without work: whether it is, `#close` finds out. */
  async #batch(session: Session, context: BatchContext, idle: AbortSignal): Promise<BatchResult> {
    return tracedBatch(this.#request, async () => {
      try {
        return await session.run((client) => runBatch(client, context), idle)
      } catch (error) {
        if (error instanceof FenceError) return NO_BATCH
        throw error
      }
    })
  }

  /** Figures, not results: whatever keeps them from being stored fails nothing. */
  async #storeTimes({ plan, times }: BatchContext): Promise<void> {
    const rows = controlTimes(plan, times).flatMap((us, index) =>
      us > 0 ? [{ controlId: plan.controls[index]!.id, us }] : [],
    )
    if (rows.length === 0) return
    await this.#session.run((client) => addControlTimes(client, this.#run, rows)).catch(() => undefined)
  }

  /** The run, closed by this worker or found closed; still running while systems are pending. */
  async #close({ plan, tally }: BatchContext): Promise<JobRun> {
    return this.#session.run(async (client) => {
      const run = await currentRun(client, this.#run)
      if (run.status !== 'running') return run
      const closed = await closeIfDecided(client, run, this.#request, () => tally.counts(plan.controls))
      return closed ?? run
    })
  }
}
