import { expect, test } from 'vitest'
import { describeWithCluster } from '../namespace.ts'
import { useScheduleApi } from '../schedule-api.ts'
import { SMALLEST } from '../suite/api-cases.ts'
import type { Accepted, Refused } from '../suite/api-cases.ts'

const DATA_KEY = 'must be a key of a ConfigMap or Secret: letters, digits'
const OBJECT_NAME = 'must be the name of a Kubernetes object: lower-case letters, digits'
const RESERVED = 'identify a run and are set by the operator and by Kubernetes; leave them out'
const LABEL_KEY = 'the key of a label is a name of at most 63 letters'
const ANNOTATION_KEY = 'the key of an annotation is a name of at most 63 letters'
const withConfigMap = (key: object): object => ({ config: { configMapKeyRef: key } })
const inJob = (job: object): object => ({ job })
const inPod = (pod: object): object => ({ job: { pod } })

const ACCEPTED: readonly Accepted[] = [
  [
    'every form of key',
    {
      job: {
        labels: { a: 'x', 'A.b_c-1': 'x', 'a.b-c.d/X': 'x', [`a/${'x'.repeat(63)}`]: 'x' },
        annotations: { 'Example.org/x': 'é'.repeat(50_000) },
      },
    },
  ],
  ['ConfigMap with dots', { config: { configMapKeyRef: { name: 'a.b', key: '_' } } }],
]

const REFUSED: readonly Refused[] = [
  ['ConfigMap in capitals', withConfigMap({ name: 'Config', key: 'k' }), OBJECT_NAME],
  ['key with a slash', withConfigMap({ name: 'config', key: 'a/b' }), DATA_KEY],
  ['key that climbs', withConfigMap({ name: 'config', key: '..data' }), DATA_KEY],
  ['no key', withConfigMap({ name: 'config' }), 'spec.config.configMapKeyRef.key: Required value'],
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
  ['service account', inPod({ serviceAccountName: 'Not A Name' }), OBJECT_NAME],
  ["pod's label", inPod({ labels: { 'controller-uid': 'x' } }), 'spec.job.pod.labels: Invalid value: '],
  ["pod's label key", inPod({ labels: { 'no key!': 'x' } }), LABEL_KEY],
  ["pod's annotation key", inPod({ annotations: { ' ': 'x' } }), ANNOTATION_KEY],
  ["pod's annotation", inPod({ annotations: { 'rapidrmf.io/schedule': 'x' } }), RESERVED],
  ['volume in capitals', inPod({ volumes: [{ name: 'Packs' }] }), 'must be a DNS label: lower-case letters'],
]

describeWithCluster('the API server, for names, keys and metadata,', () => {
  const api = useScheduleApi('schema-parts')

  test.each(ACCEPTED)('accepts %s', async (name, change) => {
    await api.write(name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { ...SMALLEST, ...change })
  })

  test.each(REFUSED)('refuses %s', async (_, change, message) => {
    expect(await api.refusal({ ...SMALLEST, ...change })).toContain(message)
  })
})
