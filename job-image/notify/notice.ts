import { sha256Hex } from '../../common/sha256.ts'
import type { RunSummary, Verdict } from '../../crds/run-summary.ts'
import type { Trigger } from './sink.ts'

/** The notification of one sink about one end of a run. Plain data without secrets: it is stored unchanged. */
export type Notice = {
  /** The same for every try, so that a sink can detect duplicates. */
  readonly id: string
  /** The most specific of `triggers`. */
  readonly trigger: Trigger | 'test'
  /** All triggers that hold and that the sink is configured for. */
  readonly triggers: readonly (Trigger | 'test')[]
  /** The time of the run's end, ISO-8601 UTC. */
  readonly time: string
  readonly run: NoticedRun
  /** The newest comparable run before it. */
  readonly previous: PreviousRun | null
}

export type NoticedRun = RunSummary & { readonly schedule: string | null; readonly slotAt: string | null }

export type PreviousRun = Pick<RunSummary, 'runId' | 'runKey' | 'finishedAt' | 'counts'> & {
  readonly verdict: Verdict
}

/** Characters of a message in a notice; error messages can be longer. */
export const MAX_MESSAGE = 2_000

/**
 * The id of a notice. It covers the end of the run, because a reopened run ends again, and the run key, because run ids
 * start at 1 in every database.
 */
export function noticeId(runKey: string, runId: number, finishedAt: string, sink: string): string {
  return sha256Hex(JSON.stringify([runKey, runId, finishedAt, sink])).slice(0, 32)
}

/** The notice of `rapidrmf notify test`, which reports no run. `time`: ISO-8601 UTC. */
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
      message: 'this is a test of notifications; no run has ended',
      startedAt: null,
      finishedAt: null,
      counts: { ...none, insufficientEvidence: 0, unknown: 0, errors: 0 },
      schedule: null,
      slotAt: null,
    },
    previous: null,
  }
}
