/** Names that the operator, the job and users of the cluster share. */

export const GROUP = 'rapidrmf.io'
export const VERSION = 'v1alpha1'
export const API_VERSION = `${GROUP}/${VERSION}`
export const KIND = 'ValidationSchedule'
export const LIST_KIND = `${KIND}List`
export const SINGULAR = 'validationschedule'
export const PLURAL = 'validationschedules'
export const SHORT_NAME = 'vsched'
export const CRD_NAME = `${PLURAL}.${GROUP}`

/** Annotation by which a user requests a run: any token on a ValidationSchedule; each new one requests one run. */
export const RUN_REQUEST_ANNOTATION = `${GROUP}/run-requested-at`

/** Label of the CronJob, the Job and the pod, by which the operator's watches select. */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by'
export const MANAGED_BY = 'rapidrmf-operator'
/** The schedule's UID: a label value holds 63 characters, and the schedule's name can be longer. */
export const SCHEDULE_UID_LABEL = `${GROUP}/schedule-uid`
/** The schedule's full name, for people. */
export const SCHEDULE_NAME_ANNOTATION = `${GROUP}/schedule`
/** Annotations that earlier releases put on CronJobs. The status holds these facts now, where only the operator writes. */
export const RETIRED_ANNOTATIONS: readonly string[] = [`${GROUP}/slots-since`, `${GROUP}/spec-hash`]
/** Annotation with the token of a run request; the name of the Job contains only its hash. */
export const RUN_REQUEST_TOKEN_ANNOTATION = `${GROUP}/run-request`

/** Set by Kubernetes: on a scheduled Job its slot (absent on manual ones), on a pod its Job. */
export const SLOT_ANNOTATION = 'batch.kubernetes.io/cronjob-scheduled-timestamp'
export const JOB_UID_LABEL = 'batch.kubernetes.io/controller-uid'
export const JOB_NAME_LABEL = 'batch.kubernetes.io/job-name'

/** Reserved keys: a schedule cannot set them on its Jobs and pods, because they identify a run. */
export const RESERVED_PREFIXES = [`${GROUP}/`, 'batch.kubernetes.io/'] as const
/** The two without a prefix are the Job controller's old names. */
export const RESERVED_LABELS = [MANAGED_BY_LABEL, 'controller-uid', 'job-name'] as const
/** Set by Kubernetes on the pods of an Indexed Job. */
export const JOB_INDEX_ANNOTATION = 'batch.kubernetes.io/job-completion-index'
/** Variables with the run's identity and options, as the job reads them. */
export const RESERVED_ENV = [
  'RUN_KEY',
  'JOB_NAME',
  'JOB_COMPLETION_INDEX',
  'SCHEDULE_UID',
  'SCHEDULE_NAME',
  'STARTING_DEADLINE_SECONDS',
  'CONFIG_SOURCE',
  'DATABASE_URL_SOURCE',
  'SELECTION',
  'INCREMENTAL',
  'FULL_EVERY',
] as const
/** Prefix of the names of the operator's own volumes. */
export const RESERVED_VOLUME_PREFIX = 'rapidrmf-'
