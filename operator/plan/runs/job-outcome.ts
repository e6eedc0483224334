import { ENDED_BY, EXIT } from '../../../common/exit-codes.ts'
import { decodeRunSummary } from '../../../crds/run-summary.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import type { RecentRun } from '../../../crds/validation-schedule.ts'
import type { CachedJob, CachedPod, ReasonMessage } from '../../cache/projections.ts'
import { CONTRADICTED, MAX_MESSAGE, contradicted, errored, fromSummary } from './outcome.ts'
import type { Claim, Outcome } from './outcome.ts'
import { plainText, reasonWord } from '../../values/plain-text.ts'
import { contradiction, finalSummaries, isSuccess, summaryOf } from './summaries.ts'
import type { PodSummary } from './summaries.ts'

/** The input for the outcome of a Job's run. */
export type JobEndInput = {
  /** Has no `end` where the containers of the run have ended, and others in its pods keep the Job running. */
  readonly job: Pick<CachedJob, 'uid' | 'end'>
  /** The Job's pods. */
  readonly pods: readonly CachedPod[]
  /**
   * The last known reason why the run was not making progress: the deadline deletes the pod together with its reason.
   */
  readonly lastSeen?: ReasonMessage | undefined
}

/** Determines how the run of a Job ended, from the summaries of its pods and the end of the Job, if it has ended. */
export function jobOutcome(evidence: JobEndInput): Outcome {
  const facts = factsOf(evidence)
  for (const check of CHECKS) {
    const outcome = check(facts)
    if (outcome !== undefined) return outcome
  }
  return otherFailure(facts)
}

/** Determines how an active run ended whose Job was deleted. */
export function deletedJobOutcome(jobUid: string, pods: readonly CachedPod[]): Outcome {
  const finals = finalSummaries(pods, jobUid)
  const final = finals.find(isSuccess) ?? finals[0]
  const contradicting = contradictionOutcome(finals, jobUid)
  if (contradicting !== undefined) return contradicting
  return final === undefined
    ? errored(
        'JobDeleted',
        'the Job was deleted before its end was seen: by concurrencyPolicy Replace or by a user. ' +
          'The next run starts by the schedule, or now with a run request',
      )
    : fromSummary(final.summary)
}

/**
 * Revises a run that is in the status while its Job continues; undefined if it stays the same. A success is final, so
 * that only a contradicting summary counts; after a failure the Job may retry and succeed.
 */
export function revisedOutcome(
  reported: RecentRun,
  jobUid: string,
  pods: readonly CachedPod[],
): Outcome | undefined {
  if (reported.reason === CONTRADICTED) return undefined
  const finals = finalSummaries(pods, jobUid)
  const success = finals.find(isSuccess)
  const contradicting = contradictionOutcome(finals, jobUid)
  if (contradicting !== undefined || success === undefined) return contradicting
  const [before, now] = [{ ...reported, by: 'the status' }, claimOf(success)]
  if (sameClaim(before, now)) return undefined
  return reported.verdict === 'Errored' ? fromSummary(success.summary) : contradicted(jobUid, [before, now])
}

// ── Facts ───────────────────────────────────────────────────────────────────────────────────────────────────────

type Facts = JobEndInput & {
  /** Summaries of a closed run. A run that was closed as failed may have been reopened. */
  readonly finals: readonly PodSummary[]
  /** The pod that ended last; among several workers, one that was not merely interrupted. */
  readonly last: CachedPod | undefined
  /** The last summary, preferably of the pod that closed the run. */
  readonly lastSummary: RunSummary | undefined
}

function factsOf(evidence: JobEndInput): Facts {
  const ended = evidence.pods
    .filter(({ terminated }) => terminated !== undefined)
    .toSorted((a, b) => endOf(b).localeCompare(endOf(a)))
  const summary = (pod: CachedPod): RunSummary | undefined => summaryOf(pod, evidence.job.uid)
  const tries = lastTries(ended)
  const last = tries.find(({ terminated }) => terminated?.exitCode !== EXIT.interrupted) ?? tries[0]
  return {
    ...evidence,
    finals: finalSummaries(ended, evidence.job.uid),
    last,
    lastSummary: tries.map(summary).find((found) => found?.final === true) ?? (last && summary(last)),
  }
}

/** The newest pod of each worker, in the given order. */
function lastTries(newestFirst: readonly CachedPod[]): CachedPod[] {
  const seen = new Set<string | undefined>()
  return newestFirst.filter(({ index }) => {
    if (seen.has(index)) return false
    seen.add(index)
    return true
  })
}

function endOf({ terminated, createdAt }: CachedPod): string {
  return terminated?.finishedAt ?? createdAt
}

// ── Checks, in order ────────────────────────────────────────────────────────────────────────────────────────────

type Check = (facts: Facts) => Outcome | undefined

const summariesContradict: Check = ({ finals, job }) => contradictionOutcome(finals, job.uid)

/** The run did its work, however its process ended. */
const runSucceeded: Check = ({ finals }) => {
  const success = finals.find(isSuccess)
  return success && fromSummary(success.summary)
}

const summaryMissing: Check = ({ job, pods, last }) => {
  const what = job.end === undefined ? 'container' : 'Job'
  const succeeded =
    job.end === undefined ? last?.terminated?.exitCode === EXIT.ok : job.end.type === 'Complete'
  if (!succeeded || pods.length === 0) return undefined
  return errored(
    'NoRunRecord',
    `the ${what} succeeded, but its pod left ${whatInstead(last, job.uid)}; whether there are results is unknown. ` +
      'Check that the image is the one of this release, and look at the log of the pod',
  )
}

const podDeleted: Check = ({ job }) => {
  if (job.end?.type !== 'Complete') return undefined
  return {
    verdict: 'Unknown',
    reason: 'SummaryLost',
    message: `the Job succeeded, but its pod is gone, and its summary with it; "rapidrmf runs list" has the outcome (run key ${job.uid})`,
  }
}

const deadlineExceeded: Check = ({ job, lastSeen }) => {
  if (job.end?.reason !== 'DeadlineExceeded') return undefined
  const stuck =
    lastSeen === undefined
      ? 'raise spec.job.activeDeadlineSeconds if the run needs longer'
      : plainText(`it made no progress: ${lastSeen.reason}: ${lastSeen.message}`, MAX_MESSAGE / 2)
  return errored('DeadlineExceeded', `the Job ran into its deadline; ${stuck}`)
}

const MORE_MEMORY = 'raise spec.job.pod.resources.limits.memory'

const containerOutOfMemory: Check = ({ last }) =>
  last?.terminated?.reason === 'OOMKilled'
    ? errored('OutOfMemory', `the container went out of memory and was killed; ${MORE_MEMORY}`)
    : undefined

/** V8 aborts (134) or crashes (139) when its heap is full, and Kubernetes calls that Error. */
const HEAP_EXHAUSTED: ReadonlySet<number> = new Set([ENDED_BY.SIGABRT, ENDED_BY.SIGSEGV])

const heapExhausted: Check = ({ last }) => {
  const code = last?.terminated?.exitCode ?? 0
  if (!HEAP_EXHAUSTED.has(code)) return undefined
  return errored('OutOfMemory', `the process went out of memory (exit code ${code}); ${MORE_MEMORY}`)
}

const containerKilled: Check = ({ last }) =>
  last?.terminated?.exitCode === ENDED_BY.SIGKILL
    ? errored(
        'Killed',
        `the container was killed (exit code ${ENDED_BY.SIGKILL}), most likely because its node went out of memory or the pod ` +
          `did not stop in time; ${MORE_MEMORY} if it happens again`,
      )
    : undefined

/** The last try reported the reason. */
const failureReported: Check = ({ lastSummary }) =>
  lastSummary === undefined || lastSummary.verdict !== 'Errored' ? undefined : fromSummary(lastSummary)

const configurationRefused: Check = ({ job, last }) =>
  last?.terminated?.exitCode === EXIT.usage || (last === undefined && job.end?.reason === 'PodFailurePolicy')
    ? errored(
        'InvalidInput',
        `the job refused its configuration (exit code ${EXIT.usage}) and could not say why; look at the log of the pod`,
      )
    : undefined

const CHECKS: readonly Check[] = [
  summariesContradict,
  runSucceeded,
  summaryMissing,
  podDeleted,
  deadlineExceeded,
  containerOutOfMemory,
  heapExhausted,
  containerKilled,
  failureReported,
  configurationRefused,
]

function otherFailure({ job, pods, last, lastSeen }: Facts): Outcome {
  const { reason, message } = job.end ?? {
    reason: 'ContainerFailed',
    message: 'the container left no summary',
  }
  const failure = pods.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))[0]?.failure
  const parts = [
    plainText(message, MAX_MESSAGE / 2) || 'the Job failed',
    failure &&
      plainText(`the node ended the last pod: ${failure.reason}: ${failure.message}`, MAX_MESSAGE / 4),
    last?.terminated && `the last pod ended with exit code ${last.terminated.exitCode}`,
    // The last pod was on a node, so a missing node is not the reason.
    failure === undefined &&
      lastSeen &&
      plainText(`${lastSeen.reason}: ${lastSeen.message}`, MAX_MESSAGE / 4),
  ]
  return errored(reasonWord(reason, 'JobFailed'), parts.filter((part) => typeof part === 'string').join('; '))
}

// ── Messages ───────────────────────────────────────────────────────────────────────────────────────────────────────

function contradictionOutcome(finals: readonly PodSummary[], jobUid: string): Outcome | undefined {
  const pair = contradiction(finals)
  return pair && contradicted(jobUid, pair.map(claimOf))
}

function claimOf({ pod, summary: { verdict, runId, counts } }: PodSummary): Claim {
  return { by: pod, verdict, runId, pass: counts.pass, notPass: counts.notPass }
}

function sameClaim(a: Claim, b: Claim): boolean {
  const [left, right] = [a, b].map(({ verdict, runId, pass, notPass }) =>
    JSON.stringify([verdict, String(runId ?? ''), pass, notPass]),
  )
  return left === right
}

/** Describes a message that is not a usable summary, without quoting it. */
function whatInstead(pod: CachedPod | undefined, jobUid: string): string {
  const text = pod?.terminated?.message ?? ''
  if (text === '') return 'no summary'
  const summary = decodeRunSummary(text)
  if (summary === undefined) return 'a text that is not a summary'
  return summary.runKey === jobUid ? 'the summary of an unfinished run' : 'the summary of another run'
}
