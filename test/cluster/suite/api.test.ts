import { ApiException } from '@kubernetes/client-node'
import { beforeAll, describe, expect, test } from 'vitest'
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '../../../crds/validation-schedule.ts'
import type {
  ValidationSchedule,
  ValidationScheduleSpecInput,
  ValidationScheduleStatus,
} from '../../../crds/validation-schedule.ts'
import { installCrd } from '../crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { getAsTable } from '../table.ts'

const KEY = { name: 'rapidrmf', key: 'config.yaml' }
const SMALLEST: ValidationScheduleSpecInput = {
  environment: 'production',
  schedule: '0 2 * * *',
  config: { configMapKeyRef: KEY },
}

/** Everything that a schedule can say, once. */
const LARGEST: ValidationScheduleSpecInput = {
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
  job: {
    labels: { 'kueue.x-k8s.io/queue-name': 'audits', 'app.kubernetes.io/name': 'audit', empty: '' },
    annotations: { 'example.org/why': 'any text: "…"' },
    activeDeadlineSeconds: 1,
    backoffLimit: 0,
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

describeWithCluster('the ValidationSchedule API on a real API server', () => {
  const here = useNamespace('api')
  const resource = () => ({ group: GROUP, version: VERSION, plural: PLURAL, namespace: here.name })
  beforeAll(async () => {
    await installCrd(here.admin)
  })

  async function write(name: string, spec: unknown): Promise<ValidationSchedule> {
    const body = { apiVersion: API_VERSION, kind: KIND, metadata: { name }, spec }
    // Strict is what kubectl asks for: an unknown field is an error and not silently dropped.
    return (await here.admin.custom.createNamespacedCustomObject({
      ...resource(),
      body,
      fieldValidation: 'Strict',
    })) as ValidationSchedule
  }

  /** Why it was refused, as kubectl shows it. */
  async function refusal(spec: unknown): Promise<string> {
    const error: unknown = await write('refused', spec).then(
      () => 'it was accepted',
      (thrown: unknown) => thrown,
    )
    if (!(error instanceof ApiException)) throw new Error(String(error))
    return (JSON.parse(String(error.body)) as { message: string }).message
  }

  test('the schema is structural, and no rule costs too much', async () => {
    const { status } = await installCrd(here.admin)
    const conditions = Object.fromEntries(
      (status?.conditions ?? []).map(({ type, status: is }) => [type, is]),
    )
    expect(conditions).toEqual({ NamesAccepted: 'True', Established: 'True' })
  })

  test('the smallest schedule is stored with its defaults', async () => {
    expect((await write('smallest', SMALLEST)).spec).toEqual({
      ...SMALLEST,
      timeZone: 'Etc/UTC',
      suspend: false,
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: 300,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      job: { activeDeadlineSeconds: 14_400, backoffLimit: 2, pod: {} },
    })
  })

  test('the largest one is stored as it is: nothing is pruned, nothing is added', async () => {
    expect((await write('largest', LARGEST)).spec).toEqual(LARGEST)
  })

  test.each([
    ['dots, 253 characters', `${'a.'.repeat(126)}b`],
    ['63 characters', 'n'.repeat(63)],
  ])('the name of the object may have %s', async (_, name) => {
    expect((await write(name, SMALLEST)).metadata.name).toBe(name)
  })

  // What is accepted here and bad all the same, the API server says when the CronJob is written.
  test.each([
    ['field out of range', { schedule: '0 25 * * *' }],
    ['never fires', { schedule: '0 0 30 2 *' }],
    ['tabs between fields', { schedule: '\t0\t2 *  * *\n' }],
    ['unknown zone', { timeZone: 'Mars/Base' }],
    ['zone that only Go knows', { timeZone: 'posix/Europe/Berlin' }],
    ['offset zone', { timeZone: 'Etc/GMT+12' }],
    ['one character', { environment: 'p' }],
    ['fifty letters, none ASCII', { environment: 'é'.repeat(50) }],
    ['ConfigMap with dots', { config: { configMapKeyRef: { name: 'a.b', key: '_' } } }],
  ])('accepted: %s', async (name, change) => {
    await write(name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { ...SMALLEST, ...change })
  })

  const FIVE_FIELDS =
    'spec.schedule: Invalid value: needs exactly five fields, minute hour day-of-month month day-of-week, such as "0 2 * * *"'
  const DESCRIPTORS =
    'spec.schedule: Invalid value: descriptors such as @daily and @every are not supported; write five fields, such as "0 2 * * *"'
  const ZONE_IN_SCHEDULE =
    'spec.schedule: Invalid value: a time zone cannot be part of the schedule; put it into spec.timeZone and keep five fields here, such as "0 2 * * *"'

  describe.each([
    [
      'five fields',
      'schedule',
      [
        ['0 2 * *', FIVE_FIELDS],
        ['0 0 2 * * *', FIVE_FIELDS],
        ['   ', FIVE_FIELDS],
        ['@daily', DESCRIPTORS],
        ['@every 5m', DESCRIPTORS],
        ['TZ=Europe/Berlin 0 2 * * *', ZONE_IN_SCHEDULE],
        ['CRON_TZ=UTC 0 2 * * *', ZONE_IN_SCHEDULE],
        ['', 'spec.schedule: Invalid value: "": spec.schedule in body should be at least 1 chars long'],
        [`${'1,'.repeat(127)}1 * * * *`, 'Too long: may not be more than 256'],
        [5, 'must be of type string: "integer"'],
      ],
    ],
    [
      'a zone',
      'timeZone',
      [
        ['Europe Berlin', 'must be a name of the IANA time zone database, such as Europe/Berlin or Etc/UTC'],
        ['/etc/localtime', 'must be a name of the IANA time zone database'],
        ['', 'should be at least 1 chars long'],
      ],
    ],
    [
      'an environment',
      'environment',
      [
        [' production', 'must be a key of `environments` in the configuration: no space at either end'],
        ['production\n', 'must be a key of `environments` in the configuration'],
        ['a\u0007b', 'must be a key of `environments` in the configuration'],
        ['x'.repeat(51), 'Too long: may not be more than 50'],
        ['', 'should be at least 1 chars long'],
      ],
    ],
    [
      'numbers',
      'startingDeadlineSeconds',
      [
        [9, 'should be greater than or equal to 10'],
        [2 ** 31, 'should be less than or equal to 2147483647'],
        [10.5, 'must be of type integer'],
      ],
    ],
    [
      'a history',
      'successfulJobsHistoryLimit',
      [
        [0, 'should be greater than or equal to 1'],
        [11, 'should be less than or equal to 10'],
      ],
    ],
    ['a policy', 'concurrencyPolicy', [['Allow', 'supported values: "Forbid", "Replace"']]],
    [
      'a configuration',
      'config',
      [
        [{}, 'spec.config: Invalid value: needs exactly one of configMapKeyRef and secretKeyRef'],
        [
          { configMapKeyRef: KEY, secretKeyRef: KEY },
          'needs exactly one of configMapKeyRef and secretKeyRef',
        ],
        [
          { configMapKeyRef: { name: 'Config', key: 'k' } },
          'must be the name of a Kubernetes object: lower-case letters',
        ],
        [{ configMapKeyRef: { name: 'config', key: 'a/b' } }, 'must be a key of a ConfigMap or Secret'],
        [{ configMapKeyRef: { name: 'config', key: '..data' } }, 'must be a key of a ConfigMap or Secret'],
        [{ configMapKeyRef: { name: 'config' } }, 'spec.config.configMapKeyRef.key: Required value'],
      ],
    ],
    [
      'a database',
      'database',
      [
        [{}, 'spec.database.urlSecretKeyRef: Required value'],
        [{ url: 'postgres://' }, 'unknown field "spec.database.url"'],
      ],
    ],
    ['what works later only', 'selection', [[{ systems: {} }, 'unknown field "spec.selection"']]],
  ] as const)('%s is not', (_, field, table) => {
    test.each(table as readonly (readonly [unknown, string])[])('%j', async (value, message) => {
      expect(await refusal({ ...SMALLEST, [field]: value })).toContain(message)
    })
  })

  const RESERVED = 'identify a run and are set by the operator and by Kubernetes; leave them out'
  test.each([
    [
      { labels: { 'rapidrmf.io/schedule-uid': 'x' } },
      `spec.job.labels: Invalid value: labels that begin with rapidrmf.io/`,
    ],
    [{ labels: { 'batch.kubernetes.io/job-name': 'x' } }, RESERVED],
    [{ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, RESERVED],
    [{ labels: { 'job-name': 'x' } }, RESERVED],
    [{ labels: { team: 'a b' } }, 'a label value holds letters, digits'],
    [{ labels: { team: 'x'.repeat(64) } }, 'Too long: may not be more than 63'],
    [{ annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': 'x' } }, RESERVED],
    [{ activeDeadlineSeconds: 0 }, 'should be greater than or equal to 1'],
    [{ backoffLimit: 101 }, 'should be less than or equal to 100'],
    [{ parallelism: 2 }, 'unknown field "spec.job.parallelism"'],
    [{ pod: { imagee: 'x' } }, 'unknown field "spec.job.pod.imagee"'],
    [{ pod: { containers: [] } }, 'unknown field "spec.job.pod.containers"'],
    [{ pod: { resources: { limit: {} } } }, 'unknown field "spec.job.pod.resources.limit"'],
    [{ pod: { resources: { limits: { cpu: true } } } }, 'must be of type integer'],
    [{ pod: { image: '' } }, 'should be at least 1 chars long'],
    [{ pod: { image: 'job: 1' } }, 'an image reference holds no spaces or line breaks'],
    [{ pod: { imagePullPolicy: 'Sometimes' } }, 'supported values: "Always", "IfNotPresent", "Never"'],
    [{ pod: { serviceAccountName: 'Not A Name' } }, 'must be the name of a Kubernetes object'],
    [{ pod: { labels: { 'controller-uid': 'x' } } }, `spec.job.pod.labels: Invalid value: labels that begin`],
    [{ pod: { annotations: { 'rapidrmf.io/schedule': 'x' } } }, RESERVED],
    [
      { pod: { env: [{ name: 'RUN_KEY', value: 'x' }] } },
      'RUN_KEY, JOB_NAME, JOB_COMPLETION_INDEX, SCHEDULE_UID, SCHEDULE_NAME identify the run',
    ],
    [{ pod: { env: [{ name: 'SCHEDULE_UID', value: 'x' }] } }, 'spec.job.pod.env[0].name: Invalid value'],
    [
      { pod: { env: [{ name: 'A', value: 'x', valueFrom: {} }] } },
      'has both value and valueFrom; keep one of them',
    ],
    [{ pod: { env: [{ name: 'A' }, { name: 'A' }] } }, 'spec.job.pod.env[1]: Duplicate value'],
    [{ pod: { envFrom: [{}] } }, 'needs exactly one of configMapRef and secretRef'],
    [
      { pod: { volumes: [{ name: 'rapidrmf-config' }] } },
      "volumes whose names begin with rapidrmf- are the operator's",
    ],
    [{ pod: { volumes: [{ name: 'Packs' }] } }, 'must be a DNS label'],
    [{ pod: { volumeMounts: [{ name: 'packs' }] } }, 'mountPath: Required value'],
    [{ pod: { tolerations: Array.from({ length: 33 }, () => ({})) } }, 'must have at most 32 items'],
  ])('refused: job %j', async (job, message) => {
    expect(await refusal({ ...SMALLEST, job })).toContain(message)
  })

  test.each(['environment', 'schedule', 'config'])('%s is required', async (field) => {
    expect(await refusal({ ...SMALLEST, [field]: undefined })).toContain(`spec.${field}: Required value`)
  })

  test('one mistake is one complaint', async () => {
    const message = await refusal({ ...SMALLEST, schedule: '@daily' })
    expect(message.match(/spec\.schedule/g)).toHaveLength(1)
  })

  describe('the status', () => {
    const run = {
      jobUID: '5b0c',
      job: 'full-29400000',
      trigger: 'Schedule',
      scheduledTime: '2026-11-23T02:00:00Z',
      runId: '1207',
      startTime: '2026-11-23T02:00:01Z',
      completionTime: '2026-11-23T02:01:00Z',
      verdict: 'Findings',
      reason: 'ControlsNotPassed',
    } as const
    const counts = {
      systems: 2,
      controls: 10,
      results: 20,
      pass: 17,
      notPass: 3,
      fail: 1,
      insufficientEvidence: 1,
      unknown: 1,
      errors: 0,
    }
    const status: ValidationScheduleStatus = {
      observedGeneration: 1,
      conditions: [
        {
          type: 'Accepted',
          status: 'True',
          observedGeneration: 1,
          reason: 'Valid',
          message: '',
          lastTransitionTime: '2026-11-23T02:01:00Z',
        },
      ],
      cronJobName: 'full-3f9a1c2b',
      nextScheduleTime: '2099-11-24T02:00:00Z',
      lastScheduleTime: '2026-11-23T02:00:00Z',
      active: [{ jobUID: '77', job: 'full-m1', trigger: 'Manual', reason: 'Queued', message: 'waits' }],
      lastRun: { ...run, message: 'm'.repeat(40_000), late: true, counts },
      lastCompletedTime: '2026-11-23T02:01:00Z',
      lastPassedTime: '2026-11-22T02:01:00Z',
      recentRuns: [{ ...run, pass: 17, notPass: 3 }],
      lastHandledRunRequest: 't'.repeat(70_000),
    }
    const change = async (name: string, next: object): Promise<ValidationSchedule> => {
      const current = (await here.admin.custom.getNamespacedCustomObject({ ...resource(), name })) as object
      return (await here.admin.custom.replaceNamespacedCustomObjectStatus({
        ...resource(),
        name,
        body: { ...current, ...next },
        fieldValidation: 'Strict',
      })) as ValidationSchedule
    }

    test('is a subresource that holds all of it, and leaves spec and generation alone', async () => {
      await write('full', SMALLEST)
      const { metadata, spec, status: stored } = await change('full', { status, spec: LARGEST })
      expect(stored).toEqual(status)
      expect({ generation: metadata.generation, schedule: spec.schedule }).toEqual({
        generation: 1,
        schedule: SMALLEST.schedule,
      })
    })

    test('is shown in columns without -o wide, a run to come as its time', async () => {
      await write('new', { ...SMALLEST, suspend: true, timeZone: 'Europe/Berlin' })
      const { columns, rows } = await getAsTable(
        here.cluster,
        `/apis/${API_VERSION}/namespaces/${here.name}/${PLURAL}`,
      )
      expect(columns).toEqual([
        'Name',
        'Schedule',
        'Zone',
        'Suspended',
        'Last-Run',
        'Verdict',
        'Pass',
        'Not-Pass',
        'Next-Run',
        'Age',
      ])
      const cells = (name: string) => rows.find((row) => row[0] === name)?.slice(1, -1)
      expect(cells('full')).toEqual([
        '0 2 * * *',
        'Etc/UTC',
        false,
        expect.stringMatching(/^\d+[smhdy]/),
        'Findings',
        17,
        3,
        '2099-11-24T02:00:00Z',
      ])
      expect(cells('new')?.slice(0, 3)).toEqual(['0 2 * * *', 'Europe/Berlin', true])
    })

    test.each([
      [
        { lastRun: { ...run, verdict: 'Good', message: '', late: false } },
        'supported values: "Passed", "Findings"',
      ],
      [{ nextScheduleTime: 'tomorrow' }, 'must be of type date-time'],
      [
        { conditions: [status.conditions?.[0], status.conditions?.[0]] },
        'status.conditions[1]: Duplicate value',
      ],
    ])('refused: %j', async (bad, message) => {
      await write('status', SMALLEST).catch(() => undefined)
      await expect(change('status', { status: bad })).rejects.toThrow(message)
    })
  })
})
