import type { ValidationScheduleSpecInput } from '../../../crds/validation-schedule.ts'

const KEY = { name: 'rapidrmf', key: 'config.yaml' }
export const SMALLEST: ValidationScheduleSpecInput = {
  environment: 'production',
  schedule: '0 2 * * *',
  config: { configMapKeyRef: KEY },
}

/** A schedule with every field. */
export const LARGEST: ValidationScheduleSpecInput = {
  environment: 'Production, EU (1)',
  schedule: '*/5,7 0-6/2 ? JAN-mar  mon',
  timeZone: 'America/Argentina/ComodRivadavia',
  suspend: true,
  concurrencyPolicy: 'Replace',
  startingDeadlineSeconds: 10,
  successfulJobsHistoryLimit: 1,
  failedJobsHistoryLimit: 10,
  config: { secretKeyRef: { name: 'rapidrmf.config', key: '.config_v-1.yaml' } },
  database: { urlSecretKeyRef: { name: 'db', key: 'url' } },
  selection: {
    systems: {
      include: ['pay*', 'Ledger, EU (1)'],
      exclude: ['*-test?'],
      matchLabels: { tier: '1', 'any key': '' },
      matchExpressions: [
        { key: 'zone', operator: 'In', values: ['eu', ''] },
        { key: 'zone', operator: 'NotIn', values: ['us'] },
        { key: 'owner', operator: 'Exists' },
        { key: 'legacy', operator: 'DoesNotExist', values: [] },
      ],
    },
    controls: { include: ['AC-2(1)', 'au-*'], exclude: ['AU-12'], families: ['SC'], baseline: 'moderate' },
    allowEmpty: true,
  },
  incremental: true,
  fullEvery: '90m',
  job: {
    labels: { 'kueue.x-k8s.io/queue-name': 'audits', 'app.kubernetes.io/name': 'audit', empty: '' },
    annotations: { 'example.org/why': 'any text: "…"' },
    activeDeadlineSeconds: 1,
    backoffLimit: 0,
    parallelism: 100,
    pod: {
      image: 'registry.example.org:5000/rapidrmf/job@sha256:0123',
      imagePullPolicy: 'Always',
      imagePullSecrets: [{ name: 'registry' }],
      serviceAccountName: 'validator',
      labels: { team: 'grc' },
      annotations: { 'example.org/scrape': 'false' },
      env: [
        { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: 'db', key: 'url' } } },
        { name: 'RAPIDRMF_OUTAGE', value: '60' },
      ],
      envFrom: [{ prefix: 'X_', secretRef: { name: 'more', optional: true } }],
      volumes: [{ name: 'packs', configMap: { name: 'packs', items: [{ key: 'a', path: 'b' }] } }],
      volumeMounts: [{ name: 'packs', mountPath: '/packs', readOnly: true }],
      resources: { requests: { cpu: '500m' }, limits: { cpu: 2, memory: '1Gi' } },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'audit', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }],
      affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
      ],
      priorityClassName: 'system-cluster-critical',
      runtimeClassName: 'gvisor',
      securityContext: { runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    },
  },
}

/** What a case is called, and how its spec differs from the smallest. */
export type Accepted = readonly [what: string, change: object]
/** The same, and a part of the API server's message. */
export type Refused = readonly [what: string, change: object, message: string]

const invalid = (field: string, value: string, message: string): string =>
  `${field}: Invalid value: ${JSON.stringify(value)}: ${message}`
const schedule = (value: string, message: string): Refused => [
  `schedule ${JSON.stringify(value)}`,
  { schedule: value },
  invalid('spec.schedule', value, message),
]
const FIVE_FIELDS =
  'needs exactly five fields, minute hour day-of-month month day-of-week, such as "0 2 * * *"'
const DESCRIPTOR =
  'descriptors such as @daily and @every are not supported; write five fields, such as "0 2 * * *"'
const ZONE_INSIDE =
  'a time zone cannot be part of the schedule; put it into spec.timeZone and keep five fields here, such as "0 2 * * *"'
const ENVIRONMENT =
  'must be a key of `environments` in the configuration: no space at either end, no control characters'
const ZONE = 'must be a name of the IANA time zone database, such as Europe/Berlin or Etc/UTC'
const ONE_SOURCE = 'spec.config: Invalid value: needs exactly one of configMapKeyRef and secretKeyRef'

/** Specs that the CRD accepts. The API server refuses some of them later, when the CronJob is written. */
export const ACCEPTED: readonly Accepted[] = [
  ['field out of range', { schedule: '0 25 * * *' }],
  ['never fires', { schedule: '0 0 30 2 *' }],
  ['tabs between fields', { schedule: '\t0\t2 *  * *\n' }],
  ['unknown zone', { timeZone: 'Mars/Base' }],
  ['zone that only Go accepts', { timeZone: 'posix/Europe/Berlin' }],
  ['offset zone', { timeZone: 'Etc/GMT+12' }],
  ['environment of one character', { environment: 'p' }],
  ['environment of fifty letters outside ASCII', { environment: 'é'.repeat(50) }],
]

export const REFUSED: readonly Refused[] = [
  schedule('0 2 * *', FIVE_FIELDS),
  schedule('0 0 2 * * *', FIVE_FIELDS),
  schedule('   ', FIVE_FIELDS),
  schedule('@daily', DESCRIPTOR),
  schedule('@every 5m', DESCRIPTOR),
  schedule('TZ=Europe/Berlin 0 2 * * *', ZONE_INSIDE),
  schedule('CRON_TZ=UTC 0 2 * * *', ZONE_INSIDE),
  schedule('', 'spec.schedule in body should be at least 1 chars long'),
  ['a long schedule', { schedule: `${'1,'.repeat(127)}1 * * * *` }, 'Too long: may not be more than 256'],
  ['a schedule that is a number', { schedule: 5 }, 'must be of type string: "integer"'],
  ['zone with a space', { timeZone: 'Europe Berlin' }, invalid('spec.timeZone', 'Europe Berlin', ZONE)],
  ['zone that is a path', { timeZone: '/etc/localtime' }, invalid('spec.timeZone', '/etc/localtime', ZONE)],
  ['no zone', { timeZone: '' }, 'should be at least 1 chars long'],
  ['environment, space before', { environment: ' p' }, invalid('spec.environment', ' p', ENVIRONMENT)],
  ['environment, line break after', { environment: 'p\n' }, invalid('spec.environment', 'p\n', ENVIRONMENT)],
  ['environment, control character', { environment: 'a\u0007b' }, ENVIRONMENT],
  ['environment, too long', { environment: 'x'.repeat(51) }, 'Too long: may not be more than 50'],
  ['environment, empty', { environment: '' }, 'should be at least 1 chars long'],
  ['short deadline', { startingDeadlineSeconds: 9 }, 'should be greater than or equal to 10'],
  [
    'deadline that overflows',
    { startingDeadlineSeconds: 2 ** 31 },
    'should be less than or equal to 2147483647',
  ],
  ['fraction of a second', { startingDeadlineSeconds: 10.5 }, 'must be of type integer'],
  ['no history', { successfulJobsHistoryLimit: 0 }, 'should be greater than or equal to 1'],
  ['long history', { failedJobsHistoryLimit: 11 }, 'should be less than or equal to 10'],
  ['runs that overlap', { concurrencyPolicy: 'Allow' }, 'supported values: "Forbid", "Replace"'],
  ['no source', { config: {} }, ONE_SOURCE],
  ['two sources', { config: { configMapKeyRef: KEY, secretKeyRef: KEY } }, ONE_SOURCE],
  ['database without a Secret', { database: {} }, 'spec.database.urlSecretKeyRef: Required value'],
  ['password in the open', { database: { url: 'postgres://' } }, 'unknown field "spec.database.url"'],
  ['incremental as a word', { incremental: 'yes' }, 'must be of type boolean'],
]
