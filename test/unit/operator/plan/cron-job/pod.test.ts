import { describe, expect, it } from 'vitest'
import type { ValidationScheduleSpecInput } from '../../../../../crds/validation-schedule.ts'
import type { JobDefaults } from '../../../../../operator/plan/inputs/job-defaults.ts'
import { podTemplate } from '../../../../../operator/plan/cron-job/pod.ts'
import { DEFAULTS, schedule } from '../../fixtures.ts'
import type { Raw } from '../../fixtures.ts'

type Spec = Partial<ValidationScheduleSpecInput>

const template = (spec: Spec = {}, defaults: JobDefaults = DEFAULTS): Raw =>
  podTemplate(schedule(spec), defaults)
const podSpec = (pod: object = {}): Raw => template({ job: { pod } }).spec
const container = (spec: Spec = {}, defaults: JobDefaults = DEFAULTS): Raw =>
  template(spec, defaults).spec.containers[0]
const variable = (name: string, spec: Spec = {}): Raw =>
  container(spec).env.filter((each: Raw) => each.name === name)

describe('the pod', () => {
  it('meets Pod Security "restricted", without a token and without variables of services', () => {
    expect(podSpec()).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    })
    expect(container().securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })

  it('has a security context that the spec adds to, or overrides', () => {
    expect(podSpec({ securityContext: { runAsUser: 7, runAsNonRoot: false } }).securityContext).toEqual({
      runAsNonRoot: false,
      seccompProfile: { type: 'RuntimeDefault' },
      runAsUser: 7,
    })
  })

  it('has the settings of the spec, and no field without a value', () => {
    const settings = {
      imagePullSecrets: [{ name: 'pull' }],
      serviceAccountName: 'runner',
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'spot' }],
      affinity: { podAffinity: {} },
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
      priorityClassName: 'low',
      runtimeClassName: 'gvisor',
    }
    expect(podSpec(settings)).toMatchObject(settings)
    expect(Object.keys(podSpec()).toSorted()).toEqual([
      'automountServiceAccountToken',
      'containers',
      'enableServiceLinks',
      'restartPolicy',
      'securityContext',
      'volumes',
    ])
  })

  it('has the labels and annotations of the spec, but those of the operator are its own', () => {
    const labels = { app: 'x', 'app.kubernetes.io/managed-by': 'forged' }
    const { metadata } = template({ job: { pod: { labels, annotations: { note: 'y' } } } })
    expect(metadata).toEqual({
      labels: {
        app: 'x',
        'app.kubernetes.io/managed-by': 'rapidrmf-operator',
        'rapidrmf.io/schedule-uid': 'schedule-uid',
      },
      annotations: { note: 'y', 'rapidrmf.io/schedule': 'nightly' },
    })
  })
})

describe('the container', () => {
  it('has the image and the pull policy of the spec, else those of the operator', () => {
    const defaults = { image: 'default', imagePullPolicy: 'Always' } as const
    expect(container({}, defaults)).toMatchObject(defaults)
    const pod = { image: 'own', imagePullPolicy: 'Never' } as const
    expect(container({ job: { pod } }, defaults)).toMatchObject(pod)
    expect(container()).not.toHaveProperty('imagePullPolicy')
  })

  it('runs once on the environment, with a summary as its termination message', () => {
    expect(container({ environment: '--pay$(USER)' })).toMatchObject({
      name: 'rapidrmf',
      args: [
        'scheduler',
        'once',
        '--config',
        '/etc/rapidrmf/config.yaml',
        '--env=--pay$$(USER)',
        '--summary-file',
        '/dev/termination-log',
      ],
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
    })
  })

  it('mounts the configuration read-only, before the mounts of the spec', () => {
    const pod = { volumes: [{ name: 'ca' }], volumeMounts: [{ name: 'ca', mountPath: '/ca' }] }
    expect(container({ job: { pod } }).volumeMounts).toEqual([
      { name: 'rapidrmf-config', mountPath: '/etc/rapidrmf', readOnly: true },
      { name: 'ca', mountPath: '/ca' },
    ])
    expect(podSpec(pod).volumes.map(({ name }: Raw) => name)).toEqual(['rapidrmf-config', 'ca'])
  })
})

describe('the configuration', () => {
  const volume = (config: Spec['config']) => template({ config: config! }).spec.volumes[0]

  it('comes from one key of a ConfigMap or of a Secret, which may be missing', () => {
    const items = { items: [{ key: 'c.yml', path: 'config.yaml' }], optional: true }
    expect(volume({ configMapKeyRef: { name: 'conf', key: 'c.yml' } })).toEqual({
      name: 'rapidrmf-config',
      configMap: { name: 'conf', ...items },
    })
    expect(volume({ secretKeyRef: { name: 'conf', key: 'c.yml' } })).toEqual({
      name: 'rapidrmf-config',
      secret: { secretName: 'conf', ...items },
    })
  })

  it('is named in a variable, as is the Secret of the URL', () => {
    const config = { secretKeyRef: { name: 'conf', key: 'c.yml' } }
    expect(variable('CONFIG_SOURCE', { config })).toMatchObject([{ value: 'Secret "conf", key "c.yml"' }])
    expect(variable('CONFIG_SOURCE')).toMatchObject([{ value: 'ConfigMap "rapidrmf", key "config.yaml"' }])
    const database = { urlSecretKeyRef: { name: 'db', key: 'url' } }
    expect(variable('DATABASE_URL_SOURCE', { database })).toMatchObject([{ value: 'Secret "db", key "url"' }])
    expect(variable('DATABASE_URL_SOURCE')).toEqual([])
  })
})

describe('the variables', () => {
  it('identify the run by its Job and its schedule', () => {
    const ofPod = (label: string) => ({
      fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['batch.kubernetes.io/${label}']` },
    })
    expect(variable('RUN_KEY')).toEqual([{ name: 'RUN_KEY', valueFrom: ofPod('controller-uid') }])
    expect(variable('JOB_NAME')).toEqual([{ name: 'JOB_NAME', valueFrom: ofPod('job-name') }])
    expect(variable('SCHEDULE_UID')).toMatchObject([{ value: 'schedule-uid' }])
    expect(variable('SCHEDULE_NAME')).toMatchObject([{ value: 'nightly' }])
    const deadline = { startingDeadlineSeconds: 60 }
    expect(variable('STARTING_DEADLINE_SECONDS', deadline)).toMatchObject([{ value: '60' }])
  })

  it('have the URL from the Secret of spec.database, before one of the pod', () => {
    const database = { urlSecretKeyRef: { name: 'db', key: 'url' } }
    const job = { pod: { env: [{ name: 'DATABASE_URL', value: 'theirs' }] } }
    expect(variable('DATABASE_URL', { database, job })).toEqual([
      { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: 'db', key: 'url', optional: true } } },
    ])
    expect(variable('DATABASE_URL', { job })).toMatchObject([{ value: 'theirs' }])
  })

  it('have the options of the run only where the schedule has them', () => {
    const names = ['SELECTION', 'INCREMENTAL', 'FULL_EVERY']
    expect(names.flatMap((name) => variable(name))).toEqual([])
    const spec: Spec = {
      selection: { systems: { include: ['$(HOME)'] } },
      incremental: true,
      fullEvery: '24h',
    }
    expect(names.flatMap((name) => variable(name, spec))).toEqual([
      { name: 'SELECTION', value: '{"systems":{"include":["$$(HOME)"]}}' },
      { name: 'INCREMENTAL', value: 'true' },
      { name: 'FULL_EVERY', value: '24h' },
    ])
  })

  it('of the spec come first, without those of the operator', () => {
    const env = [
      { name: 'PROXY', value: 'p' },
      { name: 'RUN_KEY', value: 'forged' },
      { name: 'INCREMENTAL', value: 'forged' },
    ]
    const all: Raw[] = container({ job: { pod: { env } } }).env
    expect(all[0]).toEqual({ name: 'PROXY', value: 'p' })
    expect(JSON.stringify(all)).not.toContain('forged')
  })

  it('limit the heap by the memory limit, unless the spec sets NODE_OPTIONS', () => {
    const resources = { limits: { memory: '1Gi' } }
    expect(variable('NODE_OPTIONS', { job: { pod: { resources } } })).toEqual([
      { name: 'NODE_OPTIONS', value: '--max-old-space-size=614' },
    ])
    const env = [{ name: 'NODE_OPTIONS', value: '--theirs' }]
    expect(variable('NODE_OPTIONS', { job: { pod: { resources, env } } })).toEqual(env)
    expect(container({ job: { pod: { resources } } }).resources).toEqual(resources)
  })
})
