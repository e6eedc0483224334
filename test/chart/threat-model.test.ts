import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { podSettingsSchema } from '../../crds/job-settings.ts'
import type { ValidationScheduleSpecInput } from '../../crds/validation-schedule.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import { cronJob } from '../../operator/plan/cron-job/cron-job.ts'
import { podTemplate } from '../../operator/plan/cron-job/pod.ts'
import { installCrd } from '../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../cluster/namespace.ts'
import { startOperator } from '../cluster/run-operator.ts'
import { schedulesIn } from '../cluster/schedules.ts'
import type { Schedules } from '../cluster/schedules.ts'
import { schedule } from '../unit/operator/fixtures.ts'
import type { Raw } from './chart.ts'

const ROOT = join(import.meta.dirname, '../..')
const DEFAULTS = { image: 'registry.example/rapidrmf:1.2.3' }

type PodInput = NonNullable<NonNullable<ValidationScheduleSpecInput['job']>['pod']>

const HOSTILE: PodInput = {
  image: 'evil.example/x',
  serviceAccountName: 'someone-else',
  envFrom: [{ secretRef: { name: 'any' } }],
  securityContext: { runAsUser: 0, runAsNonRoot: false, seccompProfile: { type: 'Unconfined' } },
  volumes: [{ name: 'host', hostPath: { path: '/' } }],
  volumeMounts: [{ name: 'host', mountPath: '/host' }],
}

describe('SECURITY.md', () => {
  const text = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8').replaceAll(/\s+/g, ' ')
  const tests = [...text.matchAll(/`(test\/[\w/.-]+)`: “([^”]+)”/g)].map(([, file = '', name = '']) => ({
    file,
    name,
  }))

  it('names tests for its claims', () => {
    expect(tests.length).toBeGreaterThan(15)
  })

  it.each(tests)('names an existing test: $file: $name', ({ file, name }) => {
    expect(readFileSync(join(ROOT, file), 'utf8').includes(name)).toBe(true)
  })
})

describe('a schedule', () => {
  const pod = podTemplate(schedule({ job: { pod: HOSTILE } }), DEFAULTS) as Raw

  it('can set these fields of a pod, each of which the threat model covers, and no others', () => {
    const covered =
      'image imagePullPolicy imagePullSecrets serviceAccountName labels annotations env envFrom volumes ' +
      'volumeMounts resources nodeSelector tolerations affinity topologySpreadConstraints priorityClassName ' +
      'runtimeClassName securityContext'
    expect(Object.keys(podSettingsSchema.shape).sort()).toEqual(covered.split(' ').sort())
  })

  it('cannot loosen what its container may do', () => {
    const [container, ...others] = pod.spec.containers
    expect(others).toEqual([])
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod.spec).not.toHaveProperty('hostNetwork')
    expect(pod.spec).not.toHaveProperty('hostPID')
    expect(pod.spec).not.toHaveProperty('initContainers')
  })

  it('gets no token of its service account, unless it mounts one', () => {
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'someone-else',
      automountServiceAccountToken: false,
    })
  })

  it('creates pods only in its own namespace', () => {
    const made = cronJob(schedule({ job: { pod: HOSTILE } }, { namespace: 'theirs' }), DEFAULTS)
    expect(made.metadata.namespace).toBe('theirs')
    const inner = (made as Raw).spec.jobTemplate
    expect([inner.metadata?.namespace, inner.spec.template.metadata.namespace]).toEqual([
      undefined,
      undefined,
    ])
  })

  it('copies only the termination message file into its status, never a log', () => {
    expect(pod.spec.containers[0].terminationMessagePolicy).toBe('File')
  })
})

describeWithCluster('in a namespace that enforces Pod Security "restricted"', () => {
  const here = useNamespace('threats', { 'pod-security.kubernetes.io/enforce': 'restricted' })
  let schedules: Schedules
  let stop: () => Promise<unknown>

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    stop = startOperator({ cluster: here.cluster, namespace: here.name })
  })
  afterAll(() => stop())

  it('a default schedule gets its pod', async () => {
    await schedules.create('plain', { suspend: true })
    const { job } = await schedules.runNow('plain', 'once')
    expect((await here.kubelet.podOf(job)).spec?.containers).toHaveLength(1)
  })

  it.concurrent.each<[what: string, pod: PodInput, reason: RegExp]>([
    [
      'host paths',
      { volumes: [{ name: 'host', hostPath: { path: '/' } }] },
      /restricted volume types.*hostPath/,
    ],
    ['root', { securityContext: { runAsUser: 0 } }, /runAsUser=0/],
    ['no seccomp', { securityContext: { seccompProfile: { type: 'Unconfined' } } }, /seccompProfile/],
    ['root by the image', { securityContext: { runAsNonRoot: false } }, /runAsNonRoot != true/],
  ])('a schedule with %s gets no pod, and shows the reason', async (what, pod, reason) => {
    const name = what.replaceAll(' ', '-')
    await schedules.create(name, { suspend: true, job: { pod } })
    const { job } = await schedules.runNow(name, 'once')
    const { active } = await schedules.status(
      name,
      'a reason',
      ({ active }) => active?.[0]?.reason !== undefined,
    )
    expect(active).toMatchObject([{ job, reason: 'FailedCreate', message: expect.stringMatching(reason) }])
  })

  /** Writes a schedule without validation of unknown fields. */
  const smuggle = async (name: string, spec: object): Promise<string> => {
    const made: unknown = await here.admin.custom.createNamespacedCustomObject({
      group: 'rapidrmf.io',
      version: 'v1alpha1',
      plural: 'validationschedules',
      namespace: here.name,
      fieldValidation: 'Ignore',
      body: {
        apiVersion: 'rapidrmf.io/v1alpha1',
        kind: 'ValidationSchedule',
        metadata: { name },
        spec: {
          environment: 'production',
          schedule: '0 2 * * *',
          config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
          ...spec,
        },
      },
    })
    return JSON.stringify((made as { spec: unknown }).spec)
  }

  it.each(['hostNetwork', 'hostPID', 'hostIPC', 'containers', 'initContainers', 'shareProcessNamespace'])(
    'a schedule cannot be written with %s',
    async (field) => {
      const privileged = [{ name: 'x', image: 'x', securityContext: { privileged: true } }]
      const value = field.endsWith('ontainers') ? privileged : true
      const kept = await smuggle(`with-${field.toLowerCase()}`, { job: { pod: { [field]: value } } })
      expect(kept).not.toContain(field)
    },
  )

  it('a schedule loses a namespace in a reference: it reads only its own namespace', async () => {
    const elsewhere = { name: 'rapidrmf', key: 'config.yaml', namespace: 'kube-system' }
    expect(await smuggle('reference', { config: { configMapKeyRef: elsewhere } })).not.toContain(
      'kube-system',
    )
    const inPod = { name: 'any', namespace: 'kube-system' }
    const envFrom = [{ secretRef: inPod }]
    expect(await smuggle('variables', { job: { pod: { envFrom } } })).not.toContain('kube-system')
  })

  it('a deleted schedule leaves no running object', async () => {
    await schedules.create('gone', { suspend: true })
    const { job } = await schedules.runNow('gone', 'once')
    await schedules.remove('gone')
    await expect
      .poll(() => schedules.find(RESOURCES.jobs, job), { timeout: 60_000, interval: 200 })
      .toBeUndefined()
  })
})
