import type { Client } from 'pg'
import { lostConnection } from '../db/session/client.ts'
import { DroppedRows } from '../db/session/dropped-rows.ts'
import { isDataError } from '../db/session/errors.ts'
import { openResultWriter, resultTail } from '../db/results/results.ts'
import type { ResultWriter } from '../db/results/results.ts'
import type { RunRef } from '../db/runs/run-ref.ts'
import { RESULTS, claimSystems, claimableSystems, settleSystems } from '../db/runs/run-systems.ts'
import type { Claim, ClaimedSystem, SystemOutcome } from '../db/runs/run-systems.ts'
import { RunError, asError } from '../errors.ts'
import { storableText } from '../storable-text.ts'
import { formatTimestamp } from '../time.ts'
import type { Micros } from '../time.ts'
import type { DecisionTimes } from '../validation/control-times.ts'
import { decideSystems } from '../validation/decide.ts'
import type { Decision, Status, ValidationPlan } from '../validation/decide.ts'
import { nextChange } from '../validation/evidence.ts'
import { Tally } from './control-counts.ts'

/** What every batch of a run has in common. */
export type BatchContext = {
  readonly run: RunRef
  readonly plan: ValidationPlan
  readonly planDigest: Buffer
  /** `${controls.id}\t` for each control of the plan: the second column of its COPY lines. */
  readonly controlColumns: readonly string[]
  readonly referenceTime: Micros
  readonly batchSize: number
  /** Grows with every batch. */
  readonly times: DecisionTimes
  /** Decisions of the batches that are known to be committed. */
  readonly tally: Tally
}

/** What a batch did: `systems` left the queue, `errors` of them without results. */
export type BatchResult = {
  readonly systems: number
  readonly results: number
  readonly errors: readonly SystemOutcome[]
}

/** Another process closed the run during this batch, or the run is no longer in this database. */
export class FenceError extends RunError {}

export const NO_BATCH: BatchResult = { systems: 0, results: 0, errors: [] }

/**
 * Evaluates one batch of systems: claim, decide, store, settle, in one transaction of five statements. A batch that fails
 * because of its data is halved until the faulty system is alone; that system is recorded as an error.
 * `systems: 0` means that there was nothing to claim. `only` restricts the claim to these systems.
 */
export async function runBatch(
  client: Client,
  context: BatchContext,
  only: readonly number[] | null = null,
): Promise<BatchResult> {
  try {
    return await attemptBatch(client, context, only)
  } catch (thrown) {
    const error = lostConnection(thrown)
    await client.query('ROLLBACK').catch(() => undefined)
    if (!isDataError(error) && !isLostResult(error)) throw error
    const [alone, ...others] = only ?? (await claimableSystems(client, context.run, context.batchSize))
    if (alone === undefined) return NO_BATCH
    // If peers claimed the other systems meanwhile, the remaining one is not necessarily the faulty one.
    if (only?.length === 1) return recordError(client, context, alone, error.message)
    return others.length === 0
      ? runBatch(client, context, [alone])
      : halve(client, context, [alone, ...others])
  }
}

/** True if results of one system were dropped; the other systems of the batch may be complete. */
function isLostResult(error: Error): boolean {
  return error instanceof DroppedRows && error.table === RESULTS
}

async function halve(
  client: Client,
  context: BatchContext,
  systems: readonly number[],
): Promise<BatchResult> {
  const middle = Math.ceil(systems.length / 2)
  const first = await runBatch(client, context, systems.slice(0, middle))
  const second = await runBatch(client, context, systems.slice(middle))
  return {
    systems: first.systems + second.systems,
    results: first.results + second.results,
    errors: [...first.errors, ...second.errors],
  }
}

async function attemptBatch(
  client: Client,
  context: BatchContext,
  only: readonly number[] | null,
): Promise<BatchResult> {
  await client.query('BEGIN')
  const claim = await claimSystems(client, context, context.batchSize, only)
  if (claim === undefined) {
    await client.query('ROLLBACK')
    return NO_BATCH
  }
  const tally = new Tally(context.plan.controls.length)
  const outcomes = await storeBatch(client, context, claim, tally)
  await settle(client, context, outcomes)
  await client.query('COMMIT')
  context.tally.addAll(tally)
  return summarize(outcomes)
}

async function storeBatch(
  client: Client,
  context: BatchContext,
  claim: Claim,
  tally: Tally,
): Promise<SystemOutcome[]> {
  const { plan, referenceTime, times } = context
  const evidence = claim.systems.map((system) => system.evidence)
  const decided = decideSystems(plan, evidence, referenceTime, times)
  const writer = openResultWriter(client)
  const outcomes: SystemOutcome[] = []
  try {
    for (const [index, system] of claim.systems.entries()) {
      const decisions = decided[index]!
      if (system.problem !== undefined) outcomes.push(failedSystem(system.systemId, system.problem))
      else if (decisions instanceof Error) outcomes.push(failedSystem(system.systemId, decisions.message))
      else outcomes.push(await storeSystem({ writer, context, system, decisions, now: claim.now, tally }))
    }
    await writer.end()
  } catch (error) {
    await writer.abort(asError(error))
    throw error
  }
  return outcomes
}

async function settle(
  client: Client,
  { run }: BatchContext,
  outcomes: readonly SystemOutcome[],
): Promise<void> {
  if (await settleSystems(client, run, outcomes)) return
  throw new FenceError(`run ${run.id} was closed during this batch; nothing of the batch is stored`)
}

type SystemToStore = {
  readonly writer: ResultWriter
  readonly context: BatchContext
  readonly system: ClaimedSystem
  /** Parallel to the controls of the plan. */
  readonly decisions: readonly Decision[]
  /** The transaction's time, PostgreSQL's text. */
  readonly now: string
  readonly tally: Tally
}

/** Writes the rows of one system. */
async function storeSystem({
  writer,
  context,
  system: { systemId, evidence, inputDigest },
  decisions,
  now,
  tally,
}: SystemToStore): Promise<SystemOutcome> {
  // A thousand controls share about fifty decisions: each is encoded once.
  const tails = new Map<Decision, Buffer>()
  const counts: Record<Status, number> = { pass: 0, fail: 0, insufficient_evidence: 0, unknown: 0 }
  const systemColumn = `${systemId}\t`
  for (let index = 0; index < decisions.length; index += 1) {
    const decision = decisions[index] as Decision
    let tail = tails.get(decision)
    if (tail === undefined) tails.set(decision, (tail = resultTail(decision, now, context.run.id)))
    counts[decision.status] += 1
    tally.add(index, decision.status)
    const full = writer.write(systemColumn + context.controlColumns[index], tail)
    if (full !== undefined) await full
  }
  const { pass, fail, insufficient_evidence: insufficientEvidence, unknown } = counts
  const next = nextChange(context.plan.typeIndex, evidence, context.referenceTime)
  return {
    systemId,
    pass,
    fail,
    insufficientEvidence,
    unknown,
    error: null,
    inputDigest,
    validUntil: momentText(next),
  }
}

/** 9999-12-31, in microseconds. PostgreSQL and ISO-8601 write later times differently. */
const LATEST_MOMENT = 253_402_214_400_000_000

function momentText(moment: Micros | null): string | null {
  return moment === null || moment === Infinity ? null : formatTimestamp(Math.min(moment, LATEST_MOMENT))
}

function failedSystem(systemId: number, error: string): SystemOutcome {
  const none = { pass: 0, fail: 0, insufficientEvidence: 0, unknown: 0 }
  return { systemId, ...none, error: storableText(error), inputDigest: null, validUntil: null }
}

/** Records an error for one system and removes it from the queue; does nothing if a peer claimed it or the run is closed. */
async function recordError(
  client: Client,
  context: BatchContext,
  systemId: number,
  error: string,
): Promise<BatchResult> {
  const outcome = failedSystem(systemId, error)
  const { run } = context
  await client.query('BEGIN')
  // Does not wait for a peer that holds the row: a frozen peer would block this process, too.
  const free = await claimableSystems(client, run, 1, [systemId])
  const settled = free.length > 0 && (await settleSystems(client, run, [outcome]))
  await client.query(settled ? 'COMMIT' : 'ROLLBACK')
  return settled ? summarize([outcome]) : NO_BATCH
}

function summarize(outcomes: readonly SystemOutcome[]): BatchResult {
  let results = 0
  for (const { pass, fail, insufficientEvidence, unknown } of outcomes) {
    results += pass + fail + insufficientEvidence + unknown
  }
  return { systems: outcomes.length, results, errors: outcomes.filter(({ error }) => error !== null) }
}
