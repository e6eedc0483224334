import type { ValidationScheduleSpecInput } from '../../../crds/validation-schedule.ts'

const KEY = { name: 'rapidrmf', key: 'config.yaml' }
export const SMALLEST: ValidationScheduleSpecInput = {
  environment: 'production',
  schedule: '0 2 * * *',
  config: { configMapKeyRef: KEY },
}

/** Everything that a schedule can say, once. */
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

type Accepted = readonly [what: string, change: object]
type Refused = readonly [what: string, change: object, message: string]

/** Some of these are bad all the same: that the API server says when the CronJob is written. */
export const ACCEPTED: readonly Accepted[] = [
  ['field out of range', { schedule: '0 25 * * *' }],
  ['never fires', { schedule: '0 0 30 2 *' }],
  ['tabs between fields', { schedule: '\t0\t2 *  * *\n' }],
  ['unknown zone', { timeZone: 'Mars/Base' }],
  ['zone that only Go knows', { timeZone: 'posix/Europe/Berlin' }],
  ['offset zone', { timeZone: 'Etc/GMT+12' }],
  ['environment of one character', { environment: 'p' }],
  ['environment of fifty letters, none ASCII', { environment: 'é'.repeat(50) }],
  [
    'every form of key',
    {
      job: {
        labels: { a: 'x', 'A.b_c-1': 'x', 'a.b-c.d/X': 'x', [`a/${'x'.repeat(63)}`]: 'x' },
        annotations: { 'Example.org/x': 'é'.repeat(50_000) },
      },
    },
  ],
  ['selection of everything', { selection: { systems: {}, controls: {} } }],
  ['patterns of any characters', { selection: { systems: { include: ['é\\%_[a-', '*a'.repeat(127)] } } }],
  ['full every hour', { fullEvery: '60m' }],
  ['full once a year', { incremental: true, fullEvery: '8784h' }],
  ...[
    '7d',
    '1w',
    '1h30m',
    '1.5h',
    '12mo',
    '1y',
    '0y60m',
    'P1W',
    'P1Y',
    'P1M',
    'PT60M',
    'P1DT12H',
    'P11M30DT1H0.5S',
  ].map((fullEvery): Accepted => [`full every ${fullEvery}`, { fullEvery }]),
  ['a hundred workers', { job: { parallelism: 100, backoffLimit: 100 } }],
  ['ConfigMap with dots', { config: { configMapKeyRef: { name: 'a.b', key: '_' } } }],
]

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
const DATA_KEY = 'must be a key of a ConfigMap or Secret: letters, digits'
const OBJECT_NAME = 'must be the name of a Kubernetes object: lower-case letters, digits'
const RESERVED = 'identify a run and are set by the operator and by Kubernetes; leave them out'
const RESERVED_ENV = 'describe the run to the job and are set by the operator; leave them out'
const VALUES = 'In and NotIn need at least one value, Exists and DoesNotExist have none'
const FULL_EVERY =
  'needs a duration such as 90m, 168h, 7d, 1w, 18mo, 2y or P1DT12H, from one hour to 366 days'

const LABEL_KEY = 'the key of a label is a name of at most 63 letters'
const ANNOTATION_KEY = 'the key of an annotation is a name of at most 63 letters'

const withConfigMap = (key: object): object => ({ config: { configMapKeyRef: key } })
const inJob = (job: object): object => ({ job })
const inPod = (pod: object): object => ({ job: { pod } })
const matching = (expression: object): object => ({
  selection: { systems: { matchExpressions: [{ key: 'zone', ...expression }] } },
})

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
  ['ConfigMap in capitals', withConfigMap({ name: 'Config', key: 'k' }), OBJECT_NAME],
  ['key with a slash', withConfigMap({ name: 'config', key: 'a/b' }), DATA_KEY],
  ['key that climbs', withConfigMap({ name: 'config', key: '..data' }), DATA_KEY],
  ['no key', withConfigMap({ name: 'config' }), 'spec.config.configMapKeyRef.key: Required value'],
  ['database without a Secret', { database: {} }, 'spec.database.urlSecretKeyRef: Required value'],
  ['password in the open', { database: { url: 'postgres://' } }, 'unknown field "spec.database.url"'],

  ['misspelt selection', { selection: { system: {} } }, 'unknown field "spec.selection.system"'],
  [
    'misspelt families',
    { selection: { controls: { family: [] } } },
    'unknown field "spec.selection.controls.family"',
  ],
  [
    'pattern that is a number',
    { selection: { systems: { include: [5] } } },
    'must be of type string: "integer"',
  ],
  ['empty pattern', { selection: { systems: { include: [''] } } }, 'should be at least 1 chars long'],
  ['long pattern', { selection: { systems: { exclude: ['x'.repeat(256)] } } }, 'may not be more than 255'],
  [
    'too many patterns',
    { selection: { systems: { include: Array.from({ length: 101 }, () => 'x') } } },
    'must have at most 100 items',
  ],
  ['long control', { selection: { controls: { include: ['x'.repeat(51)] } } }, 'may not be more than 50'],
  [
    'too many labels',
    {
      selection: {
        systems: { matchLabels: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, 'x'])) },
      },
    },
    'Too many: 17: must have at most 16 items',
  ],
  ['no operator', matching({}), 'matchExpressions[0].operator: Required value'],
  [
    'unknown operator',
    matching({ operator: 'Gt' }),
    'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
  ],
  ['In without values', matching({ operator: 'In' }), VALUES],
  ['NotIn of nothing', matching({ operator: 'NotIn', values: [] }), VALUES],
  ['Exists with values', matching({ operator: 'Exists', values: ['x'] }), VALUES],
  ['incremental as a word', { incremental: 'yes' }, 'must be of type boolean'],
  ['full every half an hour', { fullEvery: '30m' }, FULL_EVERY],
  ['full every number', { fullEvery: '168' }, FULL_EVERY],
  ['full never', { fullEvery: '0h' }, FULL_EVERY],
  ['full after ages', { fullEvery: '8785h' }, FULL_EVERY],
  ...[
    '0.9h',
    'PT59M59.9S',
    '13mo',
    '1y1s',
    'P1YT1S',
    'P',
    'PT',
    'P1DT',
    '1m1h',
    '1.5mo',
    'P1H',
    '1H',
    '-7d',
    '7 d',
  ].map((fullEvery): Refused => [`full every ${fullEvery}`, { fullEvery }, FULL_EVERY]),

  ['our label', inJob({ labels: { 'rapidrmf.io/schedule-uid': 'x' } }), 'spec.job.labels: Invalid value: '],
  ['label of the Job controller', inJob({ labels: { 'batch.kubernetes.io/job-name': 'x' } }), RESERVED],
  ['old label of the Job controller', inJob({ labels: { 'job-name': 'x' } }), RESERVED],
  ['manager', inJob({ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }), RESERVED],
  ['label value with a space', inJob({ labels: { team: 'a b' } }), 'a label value holds letters, digits'],
  ['long label value', inJob({ labels: { team: 'x'.repeat(64) } }), 'Too long: may not be more than 63'],
  [
    'a slot of its own',
    inJob({ annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': 'x' } }),
    RESERVED,
  ],
  ['label key with a space', inJob({ labels: { 'no key!': 'x' } }), LABEL_KEY],
  ['label key without a prefix', inJob({ labels: { '/x': 'x' } }), LABEL_KEY],
  ['empty label key', inJob({ labels: { '': 'x' } }), LABEL_KEY],
  ['long label key', inJob({ labels: { [`a/${'x'.repeat(64)}`]: 'x' } }), LABEL_KEY],
  ['label prefix in capitals', inJob({ labels: { 'Example.org/x': 'x' } }), 'is in lower case'],
  ['annotation key', inJob({ annotations: { 'a/b/c': 'x' } }), ANNOTATION_KEY],
  [
    'annotations altogether',
    inJob({ annotations: { a: 'x'.repeat(40_000), b: 'x'.repeat(40_000) } }),
    'at most 60,000 characters altogether',
  ],
  ['no time', inJob({ activeDeadlineSeconds: 0 }), 'should be greater than or equal to 1'],
  ['tries without end', inJob({ backoffLimit: 101 }), 'should be less than or equal to 100'],
  ['no worker', inJob({ parallelism: 0 }), 'should be greater than or equal to 1'],
  ['too many workers', inJob({ parallelism: 101 }), 'should be less than or equal to 100'],

  ['misspelt field', inPod({ imagee: 'x' }), 'unknown field "spec.job.pod.imagee"'],
  ['containers', inPod({ containers: [] }), 'unknown field "spec.job.pod.containers"'],
  ['misspelt limits', inPod({ resources: { limit: {} } }), 'unknown field "spec.job.pod.resources.limit"'],
  ['limit that is true', inPod({ resources: { limits: { cpu: true } } }), 'must be of type integer'],
  ['empty image', inPod({ image: '' }), 'should be at least 1 chars long'],
  ['image with a space', inPod({ image: 'job: 1' }), 'an image reference holds no spaces or line breaks'],
  ['pull policy', inPod({ imagePullPolicy: 'Often' }), 'supported values: "Always", "IfNotPresent", "Never"'],
  ['service account', inPod({ serviceAccountName: 'Not A Name' }), OBJECT_NAME],
  ["pod's label", inPod({ labels: { 'controller-uid': 'x' } }), 'spec.job.pod.labels: Invalid value: '],
  ["pod's label key", inPod({ labels: { 'no key!': 'x' } }), LABEL_KEY],
  ["pod's annotation key", inPod({ annotations: { ' ': 'x' } }), ANNOTATION_KEY],
  ["pod's annotation", inPod({ annotations: { 'rapidrmf.io/schedule': 'x' } }), RESERVED],
  ['run key', inPod({ env: [{ name: 'RUN_KEY', value: 'x' }] }), RESERVED_ENV],
  ['selection as a variable', inPod({ env: [{ name: 'SELECTION', value: '{}' }] }), RESERVED_ENV],
  ["schedule's UID", inPod({ env: [{ name: 'SCHEDULE_UID', value: 'x' }] }), 'spec.job.pod.env[0].name: '],
  ['two values', inPod({ env: [{ name: 'A', value: 'x', valueFrom: {} }] }), 'has both value and valueFrom'],
  ['one name twice', inPod({ env: [{ name: 'A' }, { name: 'A' }] }), 'spec.job.pod.env[1]: Duplicate value'],
  ['variables from nowhere', inPod({ envFrom: [{}] }), 'needs exactly one of configMapRef and secretRef'],
  [
    'our volume',
    inPod({ volumes: [{ name: 'rapidrmf-config' }] }),
    "are the operator's; choose another name",
  ],
  ['volume in capitals', inPod({ volumes: [{ name: 'Packs' }] }), 'must be a DNS label: lower-case letters'],
  ['mount without a path', inPod({ volumeMounts: [{ name: 'packs' }] }), 'mountPath: Required value'],
  [
    'too many tolerations',
    inPod({ tolerations: Array.from({ length: 33 }, () => ({})) }),
    'must have at most 32 items',
  ],
]
