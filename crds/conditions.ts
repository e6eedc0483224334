import { z } from 'zod'
import { dateTime, int64 } from './schema-parts.ts'

/** What each condition asks, and its reasons with what they mean: the operator's vocabulary and the reference page's. */
export const conditions = {
  Accepted: {
    question: 'Can the spec be used?',
    reasons: {
      Valid: 'True: the API server took the CronJob made from this spec.',
      NeverFires:
        'True, but the schedule names a date that does not come (`0 0 30 2 *`). Nothing runs by schedule; change `schedule`.',
      NextRunUnknown:
        'True, but the operator cannot read this time zone, so that `nextScheduleTime` is missing. Runs start all the same.',
      InvalidSpec:
        'False: the API server refused the CronJob; the message is its own. The last good CronJob goes on, suspended or not as the spec says. Correct the spec.',
      NotAllowed:
        'False: the operator was started with limits (images, service accounts) that this spec exceeds. The last good CronJob is suspended. Change the spec or the limits.',
      Pending: 'Unknown: the API server has not judged it yet. `Ready` says what is in the way.',
    },
  },
  Ready: {
    question: 'Does the CronJob exist, and is it what the spec asks for?',
    reasons: {
      CronJobReady: 'True: it is there and up to date.',
      NeverFires:
        'True: it is there and up to date, and starts no run, because the schedule names a date that does not come. Run requests still work.',
      Suspended: 'True: it is there and suspended, as the spec says. Run requests still work.',
      InvalidSpec: 'False: the CronJob, if there is one, is that of an earlier spec. See `Accepted`.',
      Conflict: 'False: a CronJob of this name belongs to somebody else. See `Stalled`.',
      WaitingForCleanup:
        'False: a CronJob of the needed name is being deleted, or still belongs to a deleted schedule of this name. The latter is taken over if garbage collection has not removed it ten seconds after this schedule was made.',
      ConflictingWriter:
        'False: somebody else changes the CronJob as often as the operator puts it right. See `Stalled`.',
      NamespaceTerminating: 'False: the namespace is being deleted.',
      Forbidden:
        'False: the API server does not let the operator write it (a role, a quota, a policy). See `Stalled`.',
      Progressing: 'False: the API server fails to write it, again and again; the operator tries on.',
    },
  },
  Stalled: {
    question: 'Must a person act before anything goes on?',
    reasons: {
      InvalidSpec: 'True: correct the spec; the message of `Accepted` says what is wrong.',
      NotAllowed: "True: change the spec or the operator's limits; the message of `Accepted` says which.",
      Conflict: 'True: rename the schedule, or delete the CronJob that the message names.',
      Forbidden:
        'True: a role, a quota or an admission policy is in the way; the message is its own. Once it is put right, the operator goes on within five minutes.',
      ConflictingWriter:
        'True: two writers want different things of the CronJob; the message names the other one. The operator goes on, with growing pauses of up to five minutes, and it is over when it has been quiet for three pauses.',
      NotStalled: 'False.',
    },
  },
  RunSucceeded: {
    question: 'Did the last run do its work, whatever it found?',
    reasons: {
      RunCompleted: 'True: every system and control was judged.',
      RunIncomplete:
        'True: the run came to its end, but some systems or controls could not be evaluated, or there were none.',
      RunErrored: 'False: it broke. `status.lastRun` says why.',
      RunUnknown: 'Unknown: its end is known, its outcome is not. Look it up with `rapidrmf runs list`.',
      NoRunYet: 'Unknown: no run has ended yet.',
    },
  },
  Compliant: {
    question: 'Did everything pass in the last run?',
    reasons: {
      AllControlsPassed: 'True.',
      ControlsNotPassed:
        'False: at least one result is not pass. `rapidrmf results --run ID --status insufficient_evidence` (or `fail`, `unknown`) lists them.',
      RunIncomplete: 'False: not everything could be judged, so that nobody can say that everything passed.',
      RunErrored: 'Unknown: the run broke.',
      RunUnknown: 'Unknown: the outcome of the run is not known.',
      NoRunYet: 'Unknown: no run has ended yet.',
    },
  },
} as const satisfies Record<string, { question: string; reasons: Record<string, string> }>

export type ConditionType = keyof typeof conditions
export type ConditionReason<T extends ConditionType = ConditionType> = T extends ConditionType
  ? keyof (typeof conditions)[T]['reasons'] & string
  : never
/** In the order in which a status lists them. */
export const conditionTypes = Object.keys(conditions) as readonly ConditionType[]

export const conditionStatuses = ['True', 'False', 'Unknown'] as const
export type ConditionStatus = (typeof conditionStatuses)[number]

/** metav1.Condition. `type` and `reason` stay open in the schema: the next release of the operator may have more. */
export const conditionSchema = z.object({
  type: z.string().max(316).describe('Which condition.'),
  status: z.enum(conditionStatuses).describe('Whether it holds.'),
  observedGeneration: int64().min(0).optional().describe('The `metadata.generation` that it was judged for.'),
  lastTransitionTime: dateTime().describe('When `status` changed last.'),
  reason: z.string().min(1).max(1024).describe('Why, as one word for programs.'),
  message: z.string().max(32_768).describe('Why, and what to do, for people.'),
})
export type Condition = z.output<typeof conditionSchema>

/** Events (events.k8s.io/v1) on a ValidationSchedule, one for each transition. */
export const events = {
  CronJobCreated: { type: 'Normal', meaning: 'The CronJob of the schedule was made.' },
  CronJobUpdated: { type: 'Normal', meaning: 'The spec changed, and the CronJob with it.' },
  CronJobRepaired: {
    type: 'Normal',
    meaning: 'Somebody else had changed or deleted the CronJob; it is again what the spec asks for.',
  },
  InvalidSpec: {
    type: 'Warning',
    meaning: 'The spec cannot be used. Correct it; until then the last good CronJob goes on.',
  },
  NeverFires: {
    type: 'Warning',
    meaning: 'The schedule names a date that does not come: no run will ever start by it. Change `schedule`.',
  },
  Conflict: {
    type: 'Warning',
    meaning: "A CronJob with the needed name is somebody else's. Delete it, or rename the schedule.",
  },
  ConflictingWriter: {
    type: 'Warning',
    meaning:
      'Somebody else changes the CronJob as often as the operator puts it right; the note names the field manager.',
  },
  Forbidden: {
    type: 'Warning',
    meaning: 'The CronJob may not be written: a role, a quota or an admission policy is in the way.',
  },
  RunStarted: { type: 'Normal', meaning: 'A run began: by its slot, or because it was asked for.' },
  RunPassed: { type: 'Normal', meaning: 'A run ended, and everything passed.' },
  RunFoundFailures: {
    type: 'Warning',
    meaning: 'A run ended with something that is not pass, or that could not be judged.',
  },
  RunErrored: {
    type: 'Warning',
    meaning: 'A run broke, or its outcome is not known. The note and `status.lastRun` say why.',
  },
  RunStuck: {
    type: 'Warning',
    meaning:
      'The pod of a run cannot start (image, quota, no node), or the Job of a requested run cannot be made. It is waited for, or tried on.',
  },
  SlotSkipped: {
    type: 'Warning',
    meaning: 'A slot will not be run any more: its deadline passed, or a later slot took its place.',
  },
} as const satisfies Record<string, { type: 'Normal' | 'Warning'; meaning: string }>
export type EventReason = keyof typeof events
