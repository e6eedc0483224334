import { createHash } from 'node:crypto'
import type { RunSummary, Verdict } from '../../crds/run-summary.ts'
import type { Trigger } from './sink.ts'

/** What one sink is told of one end of a run. Plain data without a secret: it is stored as it is. */
export type Notice = {
  /** The same for every try to send it, so that a receiver can tell a repetition. */
  readonly id: string
  /** The most telling of `triggers`. */
  readonly trigger: Trigger | 'test'
  /** All that hold and that the sink asked for. */
  readonly triggers: readonly (Trigger | 'test')[]
  /** When it happened, ISO-8601 UTC. */
  readonly time: string
  readonly run: NoticedRun
  /** The newest comparable run before it. */
  readonly previous: PreviousRun | null
}

export type NoticedRun = RunSummary & { readonly schedule: string | null; readonly slotAt: string | null }

export type PreviousRun = Pick<RunSummary, 'runId' | 'runKey' | 'finishedAt' | 'counts'> & {
  readonly verdict: Verdict
}

/** Errors can be long; in a notice nobody reads more. */
const MAX_MESSAGE = 2_000

export function shortened(text: string, max = MAX_MESSAGE): string {
  const characters = Array.from(text)
  return characters.length <= max ? text : `${characters.slice(0, max - 1).join('')}…`
}

/**
 * A run that is opened again ends again, so its end is part of what makes the id; run ids alone start at 1 in every
 * database, so its key is as well.
 */
export function noticeId(runKey: string, runId: number, finishedAt: string, sink: string): string {
  return createHash('sha256')
    .update(JSON.stringify([runKey, runId, finishedAt, sink]))
    .digest('hex')
    .slice(0, 32)
}

/** A notice that tells of nothing, for `rapidrmf notify test`. `time`: ISO-8601 UTC. */
export function testNotice(id: string, environment: string, time: string): Notice {
  const none = { systems: 0, controls: 0, results: 0, pass: 0, notPass: 0, fail: 0 }
  return {
    id,
    trigger: 'test',
    triggers: ['test'],
    time,
    run: {
      version: 1,
      runKey: 'test',
      runId: null,
      environment,
      final: true,
      status: 'success',
      verdict: 'Passed',
      reason: 'Test',
      message: 'somebody tries whether notices arrive; no run has ended',
      startedAt: null,
      finishedAt: null,
      counts: { ...none, insufficientEvidence: 0, unknown: 0, errors: 0 },
      schedule: null,
      slotAt: null,
    },
    previous: null,
  }
}
