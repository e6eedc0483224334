import { expect, it } from 'vitest'
import { cronJob } from '../../../../operator/plan/cron-job.ts'
import { firstDifference } from '../../../../operator/plan/drift.ts'
import { DEFAULTS, liveCronJob, schedule } from '../fixtures.ts'
import type { Raw } from '../fixtures.ts'

const wanted = schedule({
  job: {
    pod: { resources: { limits: { cpu: '0.5', memory: '1024Mi' } }, volumes: [{ name: 'v', emptyDir: {} }] },
  },
})

const compare = (change: (object: Raw) => unknown): string | undefined =>
  firstDifference(cronJob(wanted, DEFAULTS), liveCronJob(wanted, change))
const podOf = (object: Raw): Raw => object.spec.jobTemplate.spec.template.spec
const foreign = (object: Raw): unknown =>
  object.metadata.managedFields.push({ manager: 'kubectl-edit', fieldsV1: { 'f:spec': { 'f:x': {} } } })

it.each<[string, (object: Raw) => unknown]>([
  ['nothing', () => undefined],
  [
    'defaults',
    (object) => {
      Object.assign(podOf(object), {
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        terminationGracePeriodSeconds: 30,
      })
      podOf(object).volumes[0].configMap.defaultMode = 420
      podOf(object).containers[0].imagePullPolicy = 'IfNotPresent'
    },
  ],
  [
    'another spelling of a quantity',
    (object) => Object.assign(podOf(object).containers[0].resources.limits, { cpu: '500m', memory: '1Gi' }),
  ],
  [
    'labels and annotations of others',
    (object) => (object.metadata.labels['x'] = object.metadata.annotations['y'] = 'z'),
  ],
  [
    'another owner',
    (object) =>
      object.metadata.ownerReferences.push({ uid: 'other', name: 'o', kind: 'K', apiVersion: 'v1' }),
  ],
  [
    'a manager of the status',
    (object) =>
      object.metadata.managedFields.push({
        manager: 'kcm',
        subresource: 'status',
        fieldsV1: { 'f:spec': {} },
      }),
  ],
  ['a manager that set what we want too', (object) => foreign(object)],
  ['fields that a newer API server fills in', (object) => (podOf(object).newField = 'x')],
])('%s is no difference', (_what, change) => {
  expect(compare(change)).toBeUndefined()
})

it.each<[string, (object: Raw) => unknown, string]>([
  ['an owned field', (object) => (object.spec.schedule = '0 3 * * *'), 'spec.schedule'],
  [
    'a field that is gone',
    (object) => delete object.spec.jobTemplate.spec.backoffLimit,
    'spec.jobTemplate.spec.backoffLimit',
  ],
  ['a suspended CronJob', (object) => (object.spec.suspend = true), 'spec.suspend'],
  [
    'an added container',
    (object) => podOf(object).containers.push({ name: 'x' }),
    'spec.jobTemplate.spec.template.spec.containers',
  ],
  [
    'a field that somebody added',
    (object) => {
      podOf(object).nodeSelector = { a: 'b' }
      foreign(object)
    },
    'spec.jobTemplate.spec.template.spec.nodeSelector',
  ],
  [
    'a default that somebody changed',
    (object) => {
      podOf(object).terminationGracePeriodSeconds = 1
      foreign(object)
    },
    'spec.jobTemplate.spec.template.spec.terminationGracePeriodSeconds',
  ],
  [
    'another limit',
    (object) => (podOf(object).containers[0].resources.limits.cpu = '501m'),
    'spec.jobTemplate.spec.template.spec.containers[0].resources.limits.cpu',
  ],
  [
    'a removed label',
    (object) => delete object.metadata.labels['rapidrmf.io/schedule-uid'],
    'metadata.labels.rapidrmf.io/schedule-uid',
  ],
  [
    'a removed annotation',
    (object) => (object.metadata.annotations = {}),
    'metadata.annotations.rapidrmf.io/schedule',
  ],
  ['a removed owner', (object) => (object.metadata.ownerReferences = []), 'metadata.ownerReferences'],
])('%s is', (_what, change, path) => {
  expect(compare(change)).toBe(path)
})

it('what is not asked for any more is a difference, though nobody else has set it', () => {
  const before = liveCronJob(
    schedule({ job: { pod: { imagePullPolicy: 'Always', nodeSelector: { a: 'b' } } } }),
  )
  expect(firstDifference(cronJob(schedule({ job: { pod: {} } }), DEFAULTS), before)).toBe('spec')
})
