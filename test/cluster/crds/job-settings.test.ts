import { expect, test } from 'vitest'
import { describeWithCluster } from '../namespace.ts'
import { useScheduleApi } from '../schedule-api.ts'
import { SMALLEST } from '../suite/api-cases.ts'
import type { Accepted, Refused } from '../suite/api-cases.ts'

const RESERVED_ENV = 'describe the run to the job and are set by the operator; leave them out'
const inJob = (job: object): object => ({ job })
const inPod = (pod: object): object => ({ job: { pod } })

const ACCEPTED: readonly Accepted[] = [
  ['a hundred workers', { job: { parallelism: 100, backoffLimit: 100 } }],
]

const REFUSED: readonly Refused[] = [
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
  ['mount without a path', inPod({ volumeMounts: [{ name: 'packs' }] }), 'mountPath: Required value'],
  [
    'too many tolerations',
    inPod({ tolerations: Array.from({ length: 33 }, () => ({})) }),
    'must have at most 32 items',
  ],
]

describeWithCluster('the API server, for the settings of Jobs and pods,', () => {
  const api = useScheduleApi('job-settings')

  test.each(ACCEPTED)('accepts %s', async (name, change) => {
    await api.write(name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { ...SMALLEST, ...change })
  })

  test.each(REFUSED)('refuses %s', async (_, change, message) => {
    expect(await api.refusal({ ...SMALLEST, ...change })).toContain(message)
  })
})
