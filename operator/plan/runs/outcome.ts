import { defined } from '../../../common/defined.ts'
import type { RunCounts, RunScope, RunSummary } from '../../../crds/run-summary.ts'
import type { RunVerdict } from '../../../crds/validation-schedule.ts'
import { plainText, reasonWord } from '../../values/plain-text.ts'

/** The outcome of a run. */
export type Outcome = {
  readonly verdict: RunVerdict
  readonly reason: string
  readonly message: string
  readonly runId?: string | undefined
  readonly counts?: RunCounts | undefined
  readonly scope?: RunScope | undefined
}

/** Longer than the message of any summary, and short enough for ten thousand statuses. */
export const MAX_MESSAGE = 1024
/** The length of a sha256 in hexadecimal. */
const MAX_DIGEST = 64

export function errored(reason: string, message: string): Outcome {
  return { verdict: 'Errored', reason, message }
}

export function fromSummary({ verdict, reason, message, runId, counts, final, scope }: RunSummary): Outcome {
  return defined({
    verdict,
    reason: reasonWord(reason, 'RunReported'),
    message: plainText(message, MAX_MESSAGE),
    runId: runId === null ? undefined : String(runId),
    // Counts before the end are provisional.
    counts: final ? counts : undefined,
    scope: scope && {
      digest: plainText(scope.digest, MAX_DIGEST),
      text: plainText(scope.text, MAX_MESSAGE),
    },
  })
}

export const CONTRADICTED = 'SummariesContradict'

/** A claim about a run, and the pod or place that makes it. */
export type Claim = {
  readonly by: string
  readonly verdict: string
  readonly runId?: string | number | null | undefined
  readonly pass?: number | undefined
  readonly notPass?: number | undefined
}

/**
 * The outcome of a run whose final summaries differ: a pod that a user created under the Job can leave a summary too,
 * so none of them counts.
 */
export function contradicted(jobUid: string, claims: readonly Claim[]): Outcome {
  const texts = claims.map(
    ({ by, verdict, runId, pass = 0, notPass = 0 }) =>
      `${by} says ${verdict}, run ${runId ?? 'without a number'}, ${pass} pass and ${notPass} not pass`,
  )
  return errored(
    CONTRADICTED,
    `final summaries of this run contradict each other: ${texts.join('; ')}. Neither counts: find out who made these ` +
      `pods; "rapidrmf runs list" has the outcome (run key ${jobUid})`,
  )
}
