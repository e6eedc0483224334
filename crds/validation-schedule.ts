import { z } from 'zod'
import { MAX_DURATION, durationRule } from './duration-rule.ts'
import { jobSettingsSchema } from './job-settings.ts'
import type { API_VERSION, KIND } from './names.ts'
import { MAX_INT32, int32, int64, keyRef, withRules } from './schema-parts.ts'
import { selectionSchema } from './selection.ts'
import { scheduleStatusSchema } from './schedule-status.ts'
import type { ValidationScheduleStatus } from './schedule-status.ts'

/*
 * The ValidationSchedule API. The schema is the only source of the types, of the CRD and of docs/api.md
 * (scripts/generate-crd.ts). What it cannot check (time zones, images) the API server checks when the CronJob is
 * written.
 */
export * from './names.ts'
export * from './conditions.ts'
export type * from './job-settings.ts'
export type * from './selection.ts'
export { MAX_RECENT_RUNS, runVerdicts, triggers, verdictMeanings } from './schedule-status.ts'
export type * from './schedule-status.ts'

const HISTORY_LIMITS = [1, 10] as const

const historyLimit = (which: string) =>
  int32()
    .min(HISTORY_LIMITS[0])
    .max(HISTORY_LIMITS[1])
    .default(3)
    .describe(
      `How many Jobs of ${which} runs are kept, with their pods and logs. Not 0: their messages would be deleted with them.`,
    )

const configSource = withRules(
  z.object({
    configMapKeyRef: keyRef('ConfigMap').optional().describe('A key of a ConfigMap.'),
    secretKeyRef: keyRef('Secret').optional().describe('A key of a Secret.'),
  }),
  [
    'has(self.configMapKeyRef) != has(self.secretKeyRef)',
    'needs exactly one of configMapKeyRef and secretKeyRef; name the object and the key that hold the configuration',
  ],
)

/** Cases that the two rules before the five-fields rule cover, so that a user gets one message and not two. */
const COVERED_BY_OTHER_RULES = "self.startsWith('@') || self.contains('TZ=')"

export const scheduleSpecSchema = z.object({
  environment: withRules(z.string().min(1).max(50), [
    String.raw`self.matches('^[^\\s\\p{Cc}]([^\\p{Cc}]*[^\\s\\p{Cc}])?$')`,
    'must be a key of `environments` in the configuration: no space at either end, no control characters',
  ]).describe('Which environment to validate: a key of `environments` in the configuration.'),
  schedule: withRules(
    z.string().min(1).max(256),
    [
      "!self.startsWith('@')",
      'descriptors such as @daily and @every are not supported; write five fields, such as "0 2 * * *"',
    ],
    [
      "!self.contains('TZ=')",
      'a time zone cannot be part of the schedule; put it into spec.timeZone and keep five fields here, such as "0 2 * * *"',
    ],
    [
      String.raw`${COVERED_BY_OTHER_RULES} || self.matches('^\\s*\\S+(\\s+\\S+){4}\\s*$')`,
      'needs exactly five fields, minute hour day-of-month month day-of-week, such as "0 2 * * *"',
    ],
  ).describe(
    'When to run: minute, hour, day of month, month, day of week (0–6, Sunday is 0), as a CronJob reads them. ' +
      '`rapidrmf schedules preview` shows what it means.',
  ),
  timeZone: withRules(z.string().min(1).max(64), [
    "self.matches('^[A-Za-z0-9._+-]+(/[A-Za-z0-9._+-]+)*$')",
    'must be a name of the IANA time zone database, such as Europe/Berlin or Etc/UTC',
  ])
    .default('Etc/UTC')
    .describe('Time zone of the schedule: a name of the IANA database.'),
  suspend: z
    .boolean()
    .default(false)
    .describe('No runs by schedule; active runs continue, and run requests work.'),
  concurrencyPolicy: z
    .enum(['Forbid', 'Replace'])
    .default('Forbid')
    .describe(
      'When a slot comes while another run is active: `Forbid` lets the run end first, `Replace` ends it. Two scheduled runs never overlap.',
    ),
  startingDeadlineSeconds: int64()
    .min(10)
    .max(MAX_INT32)
    .default(300)
    .describe(
      'How late a slot may still be run. After a pause or a change of the schedule, one slot younger than this may be caught up.',
    ),
  successfulJobsHistoryLimit: historyLimit('successful'),
  failedJobsHistoryLimit: historyLimit('failed'),
  config: configSource.describe(
    "The configuration file (`config.yaml`), from the schedule's namespace. Exactly one of the two.",
  ),
  database: z
    .object({ urlSecretKeyRef: keyRef('Secret').describe('The key that holds the URL.') })
    .optional()
    .describe("The database's URL, in the place of the configuration's `database_url`."),
  selection: selectionSchema
    .optional()
    .describe(
      "Which systems and controls are validated; each of its parts overrides the configuration's. Default: the configuration's selection, else everything.",
    ),
  incremental: z
    .boolean()
    .default(false)
    .describe('Evaluate only the systems whose inputs have changed. If false, the configuration decides.'),
  fullEvery: withRules(
    z.string().min(2).max(MAX_DURATION),
    durationRule(3600, 366 * 86_400, 'one hour to 366 days'),
  )
    .default('168h')
    .describe(
      'After how long an incremental run decides everything again: `168h`, `7d`, `1w`, `1mo` or ISO 8601 such as `P1M`. ' +
        "Months and years are those of the calendar, back from the run's reference time.",
    ),
  job: jobSettingsSchema.prefault({}).describe('The Jobs and their pods.'),
})

/** A spec as the API server stores it: with its defaults. */
export type ValidationScheduleSpec = z.output<typeof scheduleSpecSchema>
/** A spec as a person writes it. */
export type ValidationScheduleSpecInput = z.input<typeof scheduleSpecSchema>

export const validationScheduleSchema = z.object({
  spec: scheduleSpecSchema.describe('The desired state.'),
  // Programs that use kstatus consider an object without a status ready. With this default they wait for the
  // operator.
  status: scheduleStatusSchema
    .optional()
    .meta({ default: { observedGeneration: -1 } })
    .describe('The observed state; written by the operator.'),
})

/** The used part of metav1.ObjectMeta. */
export type ObjectMeta = {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly creationTimestamp?: string | undefined
  readonly deletionTimestamp?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

export type ValidationSchedule = {
  readonly apiVersion: typeof API_VERSION
  readonly kind: typeof KIND
  readonly metadata: ObjectMeta
  readonly spec: ValidationScheduleSpec
  readonly status?: ValidationScheduleStatus | undefined
}
