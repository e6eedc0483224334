import { z } from 'zod'
import { conditionSchema } from './conditions.ts'
import { verdicts } from './run-summary.ts'
import type { RunCounts, RunScope } from './run-summary.ts'
import { dateTime, int64 } from './schema-parts.ts'

/*
 * The status that the operator writes. It has no bounds that a run or a cluster could exceed: if the API server
 * refused a status, the outdated one would stay for ever. (Conditions have the bounds of metav1.)
 */

/** `Unknown`: the run ended, and its summary is lost. */
export const runVerdicts = [...verdicts, 'Unknown'] as const
export type RunVerdict = (typeof runVerdicts)[number]

/** Meanings of the verdicts, for the reference page. */
export const verdictMeanings: Readonly<Record<RunVerdict, string>> = {
  Passed: 'Every result of every system and control is pass.',
  Findings: 'Everything was evaluated, and at least one result is not pass.',
  Incomplete: 'The run ended, but some systems or controls could not be evaluated, or there were none.',
  Errored:
    'The run broke: out of memory, out of time, no database, a wrong configuration, deleted. `reason` and `message` say which. ' +
    'A Job that succeeded without a record of its run is `Errored` with reason `NoRunRecord`, one whose pods contradict each other with reason `SummariesContradict`.',
  Unknown:
    'The Job ended, and its pod was deleted with its summary (reason `SummaryLost`). Look it up with `rapidrmf runs list`.',
}

export const triggers = ['Schedule', 'Manual'] as const
export type Trigger = (typeof triggers)[number]

/** Maximum length of `recentRuns`. */
export const MAX_RECENT_RUNS = 10

const count = () => int64().min(0)

const countsSchema = z.object({
  systems: count().describe('Systems in scope.'),
  controls: count().describe('Controls evaluated for each system.'),
  results: count().describe('Results stored.'),
  pass: count().describe('Results that are pass.'),
  notPass: count().describe('All others: `fail`, `insufficientEvidence` and `unknown`.'),
  fail: count().describe('Evidence speaks against the control.'),
  insufficientEvidence: count().describe('Evidence is missing, expired or not enough.'),
  unknown: count().describe('No rule says what evidence the control needs.'),
  errors: count().describe('Systems and controls that could not be evaluated.'),
}) satisfies z.ZodType<RunCounts>

const scopeSchema = z.object({
  digest: z
    .string()
    .describe(
      'Runs with different digests covered different systems or controls: do not compare their counts.',
    ),
  text: z.string().describe('The same for people, in one line.'),
}) satisfies z.ZodType<RunScope>

const identity = {
  jobUID: z.string().describe("The Job's UID, which is the run's key in the database."),
  job: z.string().describe('Name of the Job.'),
}
const trigger = z
  .enum(triggers)
  .describe('`Schedule` for a slot; `Manual` for a run request and for `kubectl create job`.')
const scheduledTime = dateTime().optional().describe('The slot; not for manual runs.')

const activeRunSchema = z.object({
  ...identity,
  trigger,
  scheduledTime,
  startTime: dateTime().optional().describe('When the Job began; missing while it is queued.'),
  reason: z
    .string()
    .optional()
    .describe(
      'Why it is not making progress: `Queued`, or the reason that Kubernetes gives (`ImagePullBackOff`, …). ' +
        '`RunEnded`: the run has ended and is in `lastRun`; other containers of its pod keep the Job from ending.',
    ),
  message: z.string().optional().describe('The same for people.'),
})

const ending = {
  runId: z
    .string()
    .optional()
    .describe("The run's number in the database, as `rapidrmf runs show` takes it."),
  startTime: dateTime().optional().describe('When the Job began.'),
  completionTime: dateTime().describe(
    'When the Job ended, or the container of the run where that was earlier.',
  ),
  verdict: z.enum(runVerdicts).describe('How it ended.'),
  reason: z.string().describe('Why, as one word for programs.'),
}

const finishedRunSchema = z.object({
  ...identity,
  trigger,
  scheduledTime,
  ...ending,
  message: z.string().describe("The run's own message, or what the operator knows without it."),
  late: z.boolean().describe('It started later than its slot: a catch-up after a pause, or it had to wait.'),
  counts: countsSchema.optional().describe("The run's totals; missing when they are not known."),
  scope: scopeSchema.optional().describe('What the run was restricted to; missing when it took everything.'),
})

const recentRunSchema = z.object({
  ...identity,
  trigger,
  scheduledTime,
  ...ending,
  late: z.boolean().optional().describe('Only when true.'),
  pass: count().optional().describe('Results that are pass.'),
  notPass: count().optional().describe('Results that are not pass.'),
  scope: z
    .string()
    .optional()
    .describe(
      'The beginning of the digest of what the run was restricted to; missing when it took everything.',
    ),
})

/**
 * Facts about the CronJob that the object cannot prove, because users of the namespace may edit it with its labels
 * and annotations. Only the operator writes the status.
 */
const cronJobSchema = z.object({
  uid: z.string().describe('UID of the CronJob.'),
  suspended: z.boolean().describe('Whether the CronJob is suspended: no runs by schedule.'),
  sentHash: z.string().optional().describe('Digest of the CronJob spec that the operator wrote last.'),
  storedHash: z
    .string()
    .optional()
    .describe(
      'Digest of the CronJob spec that the API server returned for that write. A CronJob with another one was edited, and is repaired.',
    ),
  slotsHash: z
    .string()
    .describe('Digest of what decides the slots: cron expression, time zone and `suspend`.'),
  slotsSince: dateTime().describe(
    'Since when the slots are these. Earlier slots count neither as missed nor as skipped.',
  ),
})

const conflictingWriterSchema = z.object({
  fieldManager: z
    .string()
    .describe(
      "The field manager that changes the CronJob, by the CronJob's `managedFields`; empty where it is deleted.",
    ),
  repairs: count().describe('How often the operator has repaired the CronJob.'),
  lastRepairTime: dateTime().describe(
    'Time of the last repair. The pauses between repairs grow to five minutes.',
  ),
})

const byType = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }

export const scheduleStatusSchema = z.object({
  observedGeneration: int64()
    .optional()
    .describe(
      "The `metadata.generation` that this status is about; while it is older than the object's, wait. -1: no operator has looked at the schedule yet.",
    ),
  conditions: z
    .array(conditionSchema)
    .meta(byType)
    .optional()
    .describe('Whether the schedule works, and the state of its runs; see [Conditions](#conditions).'),
  cronJobName: z.string().optional().describe('The CronJob that starts the runs.'),
  cronJob: cronJobSchema.optional().describe('What the operator has recorded about that CronJob.'),
  conflictingWriter: conflictingWriterSchema
    .optional()
    .describe(
      'The writer that changes the CronJob as often as the operator repairs it; missing without a conflict.',
    ),
  nextScheduleTime: dateTime()
    .optional()
    .describe('The next slot. Missing while suspended, and for a schedule that never fires.'),
  lastScheduleTime: dateTime().optional().describe('The newest slot for which there was a Job.'),
  active: z
    .array(activeRunSchema)
    .optional()
    .describe('Runs whose Jobs have not ended. They hold up the slots after them.'),
  lastRun: finishedRunSchema.optional().describe('The last run that ended.'),
  lastCompletedTime: dateTime()
    .optional()
    .describe('When a run last evaluated everything (`Passed` or `Findings`).'),
  lastPassedTime: dateTime().optional().describe('When a run last ended with `Passed`.'),
  recentRuns: z
    .array(recentRunSchema)
    .optional()
    .describe(
      `The last ${MAX_RECENT_RUNS} runs that ended, newest first; they stay when their Jobs are deleted.`,
    ),
  lastHandledRunRequest: z
    .string()
    .optional()
    .describe('The token of the run request that was carried out last.'),
})

export type ValidationScheduleStatus = z.output<typeof scheduleStatusSchema>
export type CronJobStatus = z.output<typeof cronJobSchema>
export type ConflictingWriter = z.output<typeof conflictingWriterSchema>
export type ActiveRun = z.output<typeof activeRunSchema>
/** The type of `lastRun`. */
export type FinishedRun = z.output<typeof finishedRunSchema>
/** One of `recentRuns`: a finished run without its message. */
export type RecentRun = z.output<typeof recentRunSchema>
