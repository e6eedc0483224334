// All fields of a spec: with valid values, and with values that pass the CRD and are refused later.
import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import { anyQuietSchedule } from './quiet-schedule.ts'

export type Field = {
  readonly good: Arbitrary<unknown>
  /** Values with which the API server refuses the CronJob. */
  readonly refused?: Arbitrary<unknown>
  /** Values that the operator's flags do not allow. */
  readonly notAllowed?: Arbitrary<unknown>
  readonly required?: true
}

/** The operator's flags for `notAllowed`. */
export const LIMITS = {
  allowedImages: ['registry.example/*', 'mirror.example/job:1'],
  allowedServiceAccounts: ['default', 'runner-*'],
} as const

export const NEVER = '0 0 30 2 *'

const one = fc.constantFrom
const maybe = <T>(value: Arbitrary<T>) => fc.option(value, { nil: undefined })
const some = <T extends object>(fields: { [K in keyof T]: Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] })

const labels = fc.dictionary(one('team', 'app.kubernetes.io/name', 'x_y'), one('', 'a', 'A-1.b'), {
  maxKeys: 3,
})
const annotations = fc.dictionary(one('example.org/why', 'note'), fc.string({ maxLength: 30 }), {
  maxKeys: 2,
})
const keyRef = fc.record({ name: one('rapidrmf', 'a.b', 'other'), key: one('config.yaml', '_', 'k-1') })

const env = fc.uniqueArray(
  fc.oneof(
    fc.record({ name: one('A', 'NODE_OPTIONS', 'DATABASE_URL'), value: one('', 'x', '$(JOB_NAME)', '1') }),
    fc.record({
      name: one('B', 'C_1'),
      valueFrom: one(
        { fieldRef: { fieldPath: 'spec.nodeName' } },
        { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['team']" } },
        { secretKeyRef: { name: 's', key: 'k' } },
        { configMapKeyRef: { name: 'c', key: 'k', optional: true } },
        { resourceFieldRef: { resource: 'limits.memory' } },
        { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } },
      ),
    }),
  ),
  { selector: ({ name }) => name, maxLength: 4 },
)

const VOLUMES = [
  { name: 'tmp', emptyDir: {} },
  { name: 'cache', emptyDir: { medium: 'Memory', sizeLimit: '1024Mi' } },
  { name: 'ca', configMap: { name: 'ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  { name: 'keys', secret: { secretName: 'keys', defaultMode: 256, optional: false } },
  { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
  { name: 'host', hostPath: { path: '/x' } },
  { name: 'claim', persistentVolumeClaim: { claimName: 'data' } },
  { name: 'none' },
  {
    name: 'scratch',
    ephemeral: {
      volumeClaimTemplate: {
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '0.5Gi' } } },
      },
    },
  },
]

/** The fields `volumes` and `volumeMounts` together: a mount needs its volume. */
const storage = fc
  .tuple(fc.subarray(VOLUMES), fc.boolean(), maybe(one('sub', 'a/b')))
  .map(([volumes, readOnly, subPath]) => ({
    volumes,
    volumeMounts: volumes.map(({ name }) => ({
      name,
      mountPath: `/mnt/${name}`,
      readOnly,
      ...(subPath === undefined ? {} : { subPath }),
    })),
  }))
const badStorage = one(
  { volumes: [], volumeMounts: [{ name: 'gone', mountPath: '/x' }] },
  {
    volumes: [{ name: 'tmp', emptyDir: {} }],
    volumeMounts: [
      { name: 'tmp', mountPath: '/twice' },
      { name: 'tmp', mountPath: '/twice' },
    ],
  },
  { volumes: [{ name: 'two', emptyDir: {}, hostPath: { path: '/x' } }] },
  { volumes: [{ name: 'size', emptyDir: { sizeLimit: 'much' } }] },
  { volumes: [{ name: 'typed', configMap: 'ca' }] },
)

const cpu = one('0.5', '500m', '2', 1)
const memory = one('512Mi', '1024Mi', '1Gi', '1.5Gi', 1_000_000_000)
const resources = some({
  limits: some({ cpu: one('2', 4, '3000m'), memory: one('2Gi', '4096Mi') }),
  requests: some({ cpu, memory, 'ephemeral-storage': one('1Gi') }),
})

const selector = one({ matchLabels: { a: 'b' } }, { matchExpressions: [{ key: 'a', operator: 'Exists' }] })
const podAntiAffinity = selector.map((labelSelector) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [
    { weight: 7, podAffinityTerm: { topologyKey: 'zone', labelSelector } },
  ],
}))
const nodeAffinity = one('In', 'NotIn').map((operator) => ({
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator, values: ['ssd'] }] }],
  },
}))
const weight = (value: number) => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: value, podAffinityTerm: { topologyKey: 'zone' } },
    ],
  },
})

const securityContext = some({
  runAsUser: one(1000, 0),
  runAsGroup: one(1000),
  runAsNonRoot: fc.boolean(),
  fsGroup: one(2000),
  fsGroupChangePolicy: one('OnRootMismatch', 'Always'),
  supplementalGroups: one([], [1, 2]),
  seccompProfile: one({ type: 'Unconfined' }, { type: 'Localhost', localhostProfile: 'p.json' }),
  seLinuxOptions: one({ level: 's0' }),
  sysctls: one([{ name: 'kernel.shm_rmid_forced', value: '1' }]),
})

const whole = (min: number, max: number) => fc.integer({ min, max })

/** The fields by their path in the spec. `job.pod` stands for `volumes` and `volumeMounts`. */
export const FIELDS: Readonly<Record<string, Field>> = {
  environment: { good: one('production', 'Staging, EU (1)', 'a $(HOME)', '-x', 'é'), required: true },
  schedule: {
    good: fc.oneof({ weight: 9, arbitrary: anyQuietSchedule }, { weight: 1, arbitrary: one(NEVER) }),
    refused: one('0 25 * * *', '61 0 * * *', '0 2 * * 7', '0 0 L * *', '5-1 0 * * *'),
    required: true,
  },
  timeZone: {
    good: one('Europe/Berlin', 'America/New_York', 'Etc/GMT+12', 'Asia/Kathmandu'),
    refused: one('Mars/Base', 'Europe/Berlinn', 'Local'),
  },
  suspend: { good: fc.boolean() },
  concurrencyPolicy: { good: one('Forbid', 'Replace') },
  startingDeadlineSeconds: { good: whole(10, 2_147_483_647) },
  successfulJobsHistoryLimit: { good: whole(1, 10) },
  failedJobsHistoryLimit: { good: whole(1, 10) },
  config: {
    good: fc.oneof(
      keyRef.map((configMapKeyRef) => ({ configMapKeyRef })),
      keyRef.map((secretKeyRef) => ({ secretKeyRef })),
    ),
    required: true,
  },
  database: { good: keyRef.map((urlSecretKeyRef) => ({ urlSecretKeyRef })) },
  selection: {
    good: some({
      systems: some({
        include: one(['*'], ['pay*', '$(HOME)', 'é"\\']),
        matchLabels: one({}, { tier: '1' }),
        matchExpressions: one([], [{ key: 'zone', operator: 'In', values: ['eu'] }]),
      }),
      controls: some({ families: one(['AU']), baseline: one('moderate') }),
      allowEmpty: fc.boolean(),
    }),
  },
  incremental: { good: fc.boolean() },
  fullEvery: { good: one('1h', '168h', '90m') },
  'job.parallelism': { good: whole(1, 100) },
  'job.labels': { good: labels },
  'job.annotations': { good: annotations },
  'job.activeDeadlineSeconds': { good: whole(1, 2_147_483_647) },
  'job.backoffLimit': { good: whole(0, 100) },
  'job.pod.image': {
    good: one('registry.example/job:2', 'registry.example/a/b@sha256:0123', 'mirror.example/job:1'),
    notAllowed: one('evil.example/job:1', 'registry.example', 'mirror.example/job:11'),
  },
  'job.pod.imagePullPolicy': { good: one('Always', 'IfNotPresent', 'Never') },
  'job.pod.imagePullSecrets': { good: one([], [{ name: 'registry' }], [{ name: 'a' }, { name: 'b.c' }]) },
  'job.pod.serviceAccountName': {
    good: one('default', 'runner-1', 'runner-x'),
    notAllowed: one('admin', 'runner', 'x-runner-1'),
  },
  'job.pod.labels': { good: labels },
  'job.pod.annotations': { good: annotations },
  'job.pod.env': {
    good: env,
    refused: one(
      [{ name: 'A', valueFrom: {} }],
      [{ name: 'A=B', value: 'x' }],
      [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nothing' } } }],
      [{ name: 'A', valueFrom: { secretKeyRef: { name: 5, key: 'k' } } }],
      [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' }, secretKeyRef: { name: 's', key: 'k' } } }],
    ),
  },
  'job.pod.envFrom': {
    good: one(
      [],
      [{ configMapRef: { name: 'c' } }],
      [{ prefix: 'X_', secretRef: { name: 's', optional: true } }, { configMapRef: { name: 'c' } }],
    ),
    refused: one([{ prefix: 'A=B', configMapRef: { name: 'c' } }]),
  },
  'job.pod': { good: storage, refused: badStorage },
  'job.pod.resources': {
    good: resources,
    refused: one(
      { limits: { cpu: '1' }, requests: { cpu: '2' } },
      { limits: { memory: 'much' } },
      { limits: { cpu: '-1' } },
      { claims: [{ name: 'missing' }] },
    ),
  },
  'job.pod.nodeSelector': {
    good: one({}, { 'kubernetes.io/os': 'linux' }, { a: 'b', c: '' }),
    refused: one({ 'no key!': 'x' }, { a: 'no value!' }),
  },
  'job.pod.tolerations': {
    good: one(
      [],
      [{ operator: 'Exists' }],
      [{ key: 'x', value: 'y', effect: 'NoSchedule' }],
      [{ key: 'x', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }],
    ),
    refused: one(
      [{ key: 'x', operator: 'Maybe' }],
      [{ key: 'x', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }],
      [{ value: 'x' }],
    ),
  },
  'job.pod.affinity': {
    good: some({ podAntiAffinity, nodeAffinity }),
    refused: one(weight(0), weight(101), {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: 'x' },
    }),
  },
  'job.pod.topologySpreadConstraints': {
    good: one(
      [],
      [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
      [
        {
          maxSkew: 2,
          topologyKey: 'host',
          whenUnsatisfiable: 'DoNotSchedule',
          minDomains: 2,
          labelSelector: { matchLabels: { a: 'b' } },
        },
      ],
    ),
    refused: one(
      [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
      [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'Perhaps' }],
    ),
  },
  'job.pod.priorityClassName': { good: one('high', 'system-cluster-critical') },
  'job.pod.runtimeClassName': { good: one('gvisor', 'kata') },
  'job.pod.securityContext': {
    good: securityContext,
    refused: one(
      { runAsUser: -1 },
      { seccompProfile: { type: 'Odd' } },
      { sysctls: [{ name: '!', value: '' }] },
    ),
  },
}
