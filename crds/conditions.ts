import { z } from 'zod'
import { dateTime, int64 } from './schema-parts.ts'

/** The conditions and the meanings of their reasons, for the operator and the reference page. */
export const conditions = {
  Accepted: {
    question: 'Can the spec be used?',
    reasons: {
      Valid: 'True: the API server accepted the CronJob of this spec.',
      NeverFires:
        'True, but the schedule names a date that does not come (`0 0 30 2 *`). Nothing runs by schedule; change `schedule`.',
      NextRunUnknown:
        'True, but the operator cannot read this time zone, so `nextScheduleTime` is missing. Runs still start.',
      InvalidSpec:
        'False: the API server refused the CronJob; the message is its own. The last good CronJob stays, suspended or not as the spec says. Correct the spec.',
      NotAllowed:
        'False: the operator was started with limits (images, service accounts) that this spec exceeds. The last good CronJob is suspended. Change the spec or the limits.',
      Pending: 'Unknown: the API server has not checked it yet. `Ready` gives the reason.',
    },
  },
  Ready: {
    question: 'Does the CronJob exist, and is it what the spec asks for?',
    reasons: {
      CronJobReady: 'True: it exists and is up to date.',
      NeverFires:
        'True: it exists and is up to date, but starts no run, because the schedule names a date that does not come. Run requests still work.',
      Suspended: 'True: it exists and is suspended, as the spec says. Run requests still work.',
      InvalidSpec: 'False: the CronJob, if there is one, is that of an earlier spec. See `Accepted`.',
      Conflict: 'False: a CronJob of this name belongs to another owner. See `Stalled`.',
      WaitingForCleanup:
        'False: a CronJob of the needed name is being deleted, or still belongs to a deleted schedule of this name. The latter is adopted if garbage collection has not removed it ten seconds after this schedule was made.',
      ConflictingWriter:
        'False: another writer changes the CronJob as often as the operator repairs it. See `Stalled`.',
      NamespaceTerminating: 'False: the namespace is being deleted.',
      Forbidden:
        'False: the API server does not permit the operator to write it (a role, a quota, a policy). See `Stalled`.',
      Progressing: 'False: writes of it fail repeatedly; the operator retries.',
    },
  },
  Stalled: {
    question: 'Must a user act before the operator can make progress?',
    reasons: {
      InvalidSpec: 'True: correct the spec; the message of `Accepted` says what is wrong.',
      NotAllowed: "True: change the spec or the operator's limits; the message of `Accepted` says which.",
      Conflict: 'True: rename the schedule, or delete the CronJob that the message names.',
      Forbidden:
        'True: a role, a quota or an admission policy refuses the CronJob; the message is its own. The operator retries within five minutes.',
      ConflictingWriter:
        'True: two writers disagree about the CronJob; the message names the other one. The operator repairs it with growing pauses of up to five minutes; the conflict is over after three pauses without a change.',
      NotStalled: 'False.',
    },
  },
  RunSucceeded: {
    question: 'Did the last run complete, with or without findings?',
    reasons: {
      RunCompleted: 'True: every system and control was evaluated.',
      RunIncomplete:
        'True: the run ended, but some systems or controls could not be evaluated, or there were none.',
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
      RunIncomplete: 'False: not everything could be evaluated, so it is unknown whether everything passed.',
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
/** Condition types in the order of a status. */
export const conditionTypes = Object.keys(conditions) as readonly ConditionType[]

export const conditionStatuses = ['True', 'False', 'Unknown'] as const
export type ConditionStatus = (typeof conditionStatuses)[number]

/** metav1.Condition. `type` and `reason` stay open in the schema: the next release of the operator may have more. */
export const conditionSchema = z.object({
  type: z.string().max(316).describe('Which condition.'),
  status: z.enum(conditionStatuses).describe('Whether it holds.'),
  observedGeneration: int64().min(0).optional().describe('The `metadata.generation` that it is about.'),
  lastTransitionTime: dateTime().describe('When `status` changed last.'),
  reason: z.string().min(1).max(1024).describe('Why, as one word for programs.'),
  message: z.string().max(32_768).describe('Why, and what to do, for people.'),
})
export type Condition = z.output<typeof conditionSchema>

/** Events (events.k8s.io/v1) on a ValidationSchedule, one for each transition. */
export const events = {
  CronJobCreated: { type: 'Normal', meaning: 'The CronJob of the schedule was created.' },
  CronJobUpdated: { type: 'Normal', meaning: 'The spec changed, and the CronJob with it.' },
  CronJobRepaired: {
    type: 'Normal',
    meaning: 'Another writer had changed or deleted the CronJob; it matches the spec again.',
  },
  InvalidSpec: {
    type: 'Warning',
    meaning: 'The spec cannot be used. Correct it; until then the last good CronJob stays.',
  },
  NeverFires: {
    type: 'Warning',
    meaning: 'The schedule names a date that does not come: no run will ever start by it. Change `schedule`.',
  },
  Conflict: {
    type: 'Warning',
    meaning: 'A CronJob of the needed name belongs to another owner. Delete it, or rename the schedule.',
  },
  ConflictingWriter: {
    type: 'Warning',
    meaning:
      'Another writer changes the CronJob as often as the operator repairs it; the note names its field manager.',
  },
  Forbidden: {
    type: 'Warning',
    meaning: 'The CronJob may not be written: a role, a quota or an admission policy refuses it.',
  },
  RunStarted: { type: 'Normal', meaning: 'A run started: for its slot, or by a run request.' },
  RunPassed: { type: 'Normal', meaning: 'A run ended, and everything passed.' },
  RunFoundFailures: {
    type: 'Warning',
    meaning: 'A run ended with something that is not pass, or could not be evaluated.',
  },
  RunErrored: {
    type: 'Warning',
    meaning: 'A run broke, or its outcome is not known. The note and `status.lastRun` say why.',
  },
  RunStuck: {
    type: 'Warning',
    meaning:
      'The pod of a run cannot start (image, quota, no node), or the Job of a requested run cannot be created. The operator waits or retries.',
  },
  SlotSkipped: {
    type: 'Warning',
    meaning: 'A slot will not run: its deadline passed, or a later slot ran in its place.',
  },
} as const satisfies Record<string, { type: 'Normal' | 'Warning'; meaning: string }>
export type EventReason = keyof typeof events
