import { z } from 'zod'

/**
 * What a run says when it ends. The job writes it to a file (Kubernetes: the termination message), the operator reads
 * it. Its totals are the run's, read from the database, whichever worker wrote it.
 */

/** How a run ended, apart from whether its process worked (`job_runs.status`). */
export const verdicts = ['Passed', 'Findings', 'Incomplete', 'Errored'] as const
export type Verdict = (typeof verdicts)[number]

const count = z.int().nonnegative()

export const runCountsSchema = z.object({
  systems: count,
  controls: count,
  /** Rows stored: systems decided x controls. */
  results: count,
  pass: count,
  /** fail + insufficientEvidence + unknown; stored because a printer column cannot add. */
  notPass: count,
  fail: count,
  insufficientEvidence: count,
  unknown: count,
  /** Systems and controls that could not be evaluated. */
  errors: count,
})
export type RunCounts = z.output<typeof runCountsSchema>

/** Of `scope.text`, in characters. */
export const MAX_SCOPE_TEXT = 200

/** What a run was restricted to. Runs with different digests looked at different things: their counts do not compare. */
export const runScopeSchema = z.object({
  /** sha256 (hex) of the selection. */
  digest: z.string(),
  /** One line for people. */
  text: z.string(),
})
export type RunScope = z.output<typeof runScopeSchema>

/** Of a digest, where there is room for a few characters only. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12)
}

export const runSummarySchema = z.object({
  version: z.literal(1),
  runKey: z.string(),
  /** `job_runs.id`; null when no row could be made. */
  runId: z.int().nullable(),
  environment: z.string(),
  /** True from whoever closed the run or found it closed; false: this process ended before the run did. */
  final: z.boolean(),
  status: z.enum(['running', 'success', 'failed']),
  verdict: z.enum(verdicts),
  /** One CamelCase word for a condition's reason, and a sentence that says what to do. */
  reason: z.string(),
  message: z.string(),
  /** ISO-8601 UTC with Z; null as long as it has not happened. */
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  counts: runCountsSchema,
  /** Absent: every system of the environment and every control. */
  scope: runScopeSchema.optional(),
  /** Systems whose decisions earlier runs made, and this one confirmed; absent where everything was decided. */
  carried: count.optional(),
})
export type RunSummary = z.output<typeof runSummarySchema>

/** Kubernetes cuts a termination message at 4,096 bytes, and a cut JSON is none. */
export const MAX_SUMMARY_BYTES = 4096

/** JSON of at most 4 KiB: only `message` is of free length, so that is what gives way. */
export function encodeRunSummary(summary: RunSummary): string {
  const text = JSON.stringify(summary)
  const excess = Buffer.byteLength(text) - MAX_SUMMARY_BYTES
  if (excess <= 0 || summary.message === '…') return text
  // Whole characters are dropped; one is at least a byte of JSON, so this needs few rounds and always ends.
  const characters = Array.from(summary.message)
  const kept = characters.slice(0, Math.max(0, characters.length - Math.ceil(excess / 6) - 2))
  return encodeRunSummary({ ...summary, message: `${kept.join('').replace(/…$/, '')}…` })
}

/** Undefined for anything that is not a whole summary. */
export function decodeRunSummary(text: string): RunSummary | undefined {
  try {
    return runSummarySchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
