import type { Client } from 'pg'
import { lostConnection } from '../db/session/client.ts'
import { DroppedRows } from '../db/session/dropped-rows.ts'
import { isDataError } from '../db/session/errors.ts'
import { openResultWriter, resultTail } from '../db/results/results.ts'
import type { ResultWriter } from '../db/results/results.ts'
import type { RunRef } from '../db/runs/run-ref.ts'
import { claimSystems } from '../db/record/claim.ts'
import type { Claim, ClaimedSystem } from '../db/record/claim.ts'
import { claimableSystems } from '../db/record/queue.ts'
import { RESULTS, isError, settleSystems } from '../db/record/settle.ts'
import type { Outcome, SystemError } from '../db/record/settle.ts'
import { RunError, asError } from '../errors.ts'
import { storableText } from '../storable-text.ts'
import type { Micros } from '../time.ts'
import type { DecisionTimes } from '../validation/control-times.ts'
import { decideSystems } from '../validation/decide.ts'
import type { Decision, ValidationPlan } from '../validation/decide.ts'
import { systemRecord } from './system-record.ts'

/** What every batch of a run has in common. */
export type BatchContext = {
  readonly run: RunRef
  readonly plan: ValidationPlan
  readonly planDigest: Buffer
  /** The controls that the bits of the records stand for: those of the plan. */
  readonly controlSetId: number
  /** True if the answers are written to `validation_results`. */
  readonly published: boolean
  /** `${controls.id}\t` for each control of the plan: the second column of its COPY lines. */
  readonly controlColumns: readonly string[]
  readonly referenceTime: Micros
  readonly batchSize: number
  /** Grows with every batch. */
  readonly times: DecisionTimes
}

/** What a batch did: `systems` left the queue, `errors` of them without results. */
export type BatchResult = {
  readonly systems: number
  readonly results: number
  readonly errors: readonly SystemError[]
}

/** Another process closed the run during this batch, or the run is no longer in this database. */
export class FenceError extends RunError {}

export const NO_BATCH: BatchResult = { systems: 0, results: 0, errors: [] }

/**
 * Evaluates one batch of systems: claim, decide, publish, record, in one transaction of five statements. A batch that fails
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
  const outcomes = await storeBatch(client, context, claim)
  await settle(client, context, outcomes)
  await client.query('COMMIT')
  return summarize(outcomes)
}

/** Evaluates the claimed systems and, if the run publishes, writes their results; returns the records to be stored. */
async function storeBatch(client: Client, context: BatchContext, claim: Claim): Promise<Outcome[]> {
  const { plan, referenceTime, times } = context
  const { systems, now } = claim
  const evidence = systems.map((system) => system.evidence)
  const decided = decideSystems(plan, evidence, referenceTime, times)
  const outcomes: Outcome[] = []
  const answers: Answers[] = []
  for (const [index, system] of systems.entries()) {
    const { systemId, problem } = system
    const decisions = decided[index]!
    if (problem !== undefined) outcomes.push(failedSystem(systemId, problem))
    else if (decisions instanceof Error) outcomes.push(failedSystem(systemId, decisions.message))
    else {
      const record = recordOf(context, system, decisions)
      outcomes.push(record)
      if (!isError(record)) answers.push({ systemId, decisions })
    }
  }
  if (context.published) await publish(client, context, answers, now)
  return outcomes
}

/** The record of one system; an error of that system alone if a text of its answers cannot be stored. */
function recordOf(context: BatchContext, system: ClaimedSystem, decisions: readonly Decision[]): Outcome {
  try {
    return systemRecord(context, system, decisions)
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown
    return failedSystem(system.systemId, thrown.message)
  }
}

async function settle(
  client: Client,
  { run, controlSetId, published }: BatchContext,
  outcomes: readonly Outcome[],
): Promise<void> {
  if (await settleSystems(client, { run, controlSetId, published, outcomes })) return
  throw new FenceError(`run ${run.id} was closed during this batch; nothing of the batch is stored`)
}

/** The decisions about one system, parallel to the controls of the plan. */
type Answers = { readonly systemId: number; readonly decisions: readonly Decision[] }

/** Writes the rows of `validation_results`. `now` is the transaction's time, PostgreSQL's text. */
async function publish(
  client: Client,
  context: BatchContext,
  answers: readonly Answers[],
  now: string,
): Promise<void> {
  const writer = openResultWriter(client)
  try {
    for (const each of answers) await publishSystem(writer, context, each, now)
    await writer.end()
  } catch (error) {
    await writer.abort(asError(error))
    throw error
  }
}

async function publishSystem(
  writer: ResultWriter,
  { run, controlColumns }: BatchContext,
  { systemId, decisions }: Answers,
  now: string,
): Promise<void> {
  // A thousand controls share about fifty decisions: each is encoded once.
  const tails = new Map<Decision, Buffer>()
  const systemColumn = `${systemId}\t`
  for (let index = 0; index < decisions.length; index += 1) {
    const decision = decisions[index] as Decision
    let tail = tails.get(decision)
    if (tail === undefined) tails.set(decision, (tail = resultTail(decision, now, run.id)))
    const full = writer.write(systemColumn + controlColumns[index], tail)
    if (full !== undefined) await full
  }
}

function failedSystem(systemId: number, error: string): SystemError {
  return { systemId, error: storableText(error) }
}

/** Records an error for one system and removes it from the queue; does nothing if a peer claimed it or the run is closed. */
async function recordError(
  client: Client,
  { run, controlSetId }: BatchContext,
  systemId: number,
  error: string,
): Promise<BatchResult> {
  const outcomes = [failedSystem(systemId, error)]
  await client.query('BEGIN')
  // Does not wait for a peer that holds the row: a frozen peer would block this process, too.
  const free = await claimableSystems(client, run, 1, [systemId])
  const settlement = { run, controlSetId, published: false, outcomes }
  const settled = free.length > 0 && (await settleSystems(client, settlement))
  await client.query(settled ? 'COMMIT' : 'ROLLBACK')
  return settled ? summarize(outcomes) : NO_BATCH
}

function summarize(outcomes: readonly Outcome[]): BatchResult {
  let results = 0
  for (const outcome of outcomes) {
    if (isError(outcome)) continue
    const { pass, fail, insufficientEvidence, unknown } = outcome
    results += pass + fail + insufficientEvidence + unknown
  }
  return { systems: outcomes.length, results, errors: outcomes.filter(isError) }
}
