import { z } from 'zod'
import { truncate } from '../common/text.ts'

/**
 * The summary of a run. The job writes it to a file (Kubernetes: the termination message), and the operator reads it.
 * Its totals are those of the run in the database, whichever worker writes it.
 */

/** The verdict of a run; `job_runs.status` says whether its process worked. */
export const verdicts = ['Passed', 'Findings', 'Incomplete', 'Errored'] as const
export type Verdict = (typeof verdicts)[number]

const count = z.int().nonnegative()

export const runCountsSchema = z.object({
  systems: count,
  controls: count,
  /** Stored rows: decided systems × controls. */
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

/** Maximum length of `scope.text` in characters. */
export const MAX_SCOPE_TEXT = 200

/** The restriction of a run. Counts of runs with different digests are not comparable. */
export const runScopeSchema = z.object({
  /** sha256 (hex) of the selection. */
  digest: z.string(),
  /** One line for people. */
  text: z.string(),
})
export type RunScope = z.output<typeof runScopeSchema>

/** Shortens a digest for display. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12)
}

export const runSummarySchema = z.object({
  version: z.literal(1),
  runKey: z.string(),
  /** `job_runs.id`; null if no row could be created. */
  runId: z.int().nullable(),
  environment: z.string(),
  /** True if this process closed the run or found it closed; false if it ended before the run did. */
  final: z.boolean(),
  status: z.enum(['running', 'success', 'failed']),
  verdict: z.enum(verdicts),
  /** One CamelCase word for a condition's reason, and a sentence that says what to do. */
  reason: z.string(),
  message: z.string(),
  /** ISO-8601 UTC with Z; null if it has not happened yet. */
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  counts: runCountsSchema,
  /** Absent: every system of the environment and every control. */
  scope: runScopeSchema.optional(),
  /** Number of systems whose results of earlier runs are reused; absent if everything was decided. */
  carried: count.optional(),
})
export type RunSummary = z.output<typeof runSummarySchema>

/** Kubernetes truncates a termination message at 4,096 bytes, and truncated JSON cannot be parsed. */
export const MAX_SUMMARY_BYTES = 4096

/** Encodes at most 4 KiB of JSON by truncating `message`, the only field of free length. */
export function encodeRunSummary(summary: RunSummary): string {
  const text = JSON.stringify(summary)
  const excess = Buffer.byteLength(text) - MAX_SUMMARY_BYTES
  const { length } = Array.from(summary.message)
  if (excess <= 0 || length <= 1) return text
  // A character is at most 6 bytes of JSON. Each round drops some, so this needs few rounds and always ends.
  const kept = Math.max(1, length - Math.ceil(excess / 6) - 1)
  return encodeRunSummary({ ...summary, message: truncate(summary.message, kept) })
}

/** Decodes a summary; undefined for anything else. */
export function decodeRunSummary(text: string): RunSummary | undefined {
  try {
    return runSummarySchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
