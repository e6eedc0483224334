import { describe, expect, it } from 'vitest'
import {
  FIELD_MANAGER,
  projectCronJob,
  projectJob,
  projectPod,
  projectSchedule,
} from '../../../../operator/cache/projections.ts'
import { HOSTILE, LONG_TEXT } from '../hostile.ts'
import { at } from '../fixtures.ts'

const METADATA = {
  namespace: 'compliance',
  name: 'a',
  uid: 'uid-a',
  resourceVersion: '7',
  creationTimestamp: at(0),
}
const IDENTITY = { namespace: 'compliance', name: 'a', uid: 'uid-a', resourceVersion: '7' }
const controller = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'uid-j', controller: true }
const labels = { 'rapidrmf.io/schedule-uid': 'uid-s' }

describe('a schedule', () => {
  it('has its generation, its run request, its spec and its status', () => {
    const spec = { environment: 'production', schedule: '0 2 * * *' }
    const status = { observedGeneration: 3 }
    const annotations = { 'rapidrmf.io/run-requested-at': 'today' }
    const metadata = { ...METADATA, generation: 3, annotations }
    expect(projectSchedule({ metadata, spec, status })).toEqual({
      ...IDENTITY,
      generation: 3,
      deleting: false,
      createdAt: at(0),
      runRequest: 'today',
      spec,
      status,
    })
  })

  it('without them has none, and may be being deleted', () => {
    const metadata = { ...METADATA, deletionTimestamp: at(1) }
    expect(projectSchedule({ metadata, spec: {} })).toMatchObject({
      generation: 0,
      deleting: true,
      runRequest: '',
      status: {},
    })
  })
})

describe('a CronJob', () => {
  const spec = { schedule: '0 2 * * *', timeZone: 'Etc/UTC', suspend: true, startingDeadlineSeconds: 60 }

  it('has its slots, and what a full update must keep', () => {
    const metadata = {
      ...METADATA,
      labels,
      annotations: { note: 'x' },
      ownerReferences: [controller],
      finalizers: ['example.com/held'],
    }
    expect(projectCronJob({ metadata, spec })).toEqual({
      ...IDENTITY,
      controller,
      deleting: false,
      labels,
      annotations: { note: 'x' },
      ownerReferences: [controller],
      finalizers: ['example.com/held'],
      specHash: expect.stringMatching(/^\w+$/) as string,
      lastManager: '',
      slots: spec,
    })
  })

  it('without anything has no slots', () => {
    const metadata = { ...METADATA, deletionTimestamp: at(1) }
    expect(projectCronJob({ metadata })).toMatchObject({
      controller: undefined,
      deleting: true,
      labels: {},
      annotations: {},
      ownerReferences: [],
      finalizers: [],
      slots: { schedule: '', timeZone: '', suspend: false, startingDeadlineSeconds: 0 },
    })
  })

  it('has another digest with another spec', () => {
    const hash = (change: object) =>
      projectCronJob({ metadata: METADATA, spec: { ...spec, ...change } }).specHash
    expect(hash({})).toBe(hash({}))
    expect(hash({ suspend: false })).not.toBe(hash({}))
  })
})

describe('a Job', () => {
  it('has its owner, its times and its pods', () => {
    const status = { startTime: at(1), active: 2, failed: 1, succeeded: 3 }
    const metadata = { ...METADATA, labels, ownerReferences: [controller] }
    expect(projectJob({ metadata, spec: { suspend: true }, status })).toEqual({
      ...IDENTITY,
      scheduleUid: 'uid-s',
      controller,
      deleting: false,
      createdAt: at(0),
      suspended: true,
      slot: undefined,
      startTime: at(1),
      end: undefined,
      activePods: 2,
      endedPods: 4,
      ending: false,
    })
  })

  it('counts ended pods that the controller has not counted yet', () => {
    const uncountedTerminatedPods = { succeeded: ['a'], failed: ['b', 'c'] }
    expect(projectJob({ metadata: METADATA, status: { failed: 1, uncountedTerminatedPods } }).endedPods).toBe(
      4,
    )
  })

  const conditions = (...list: object[]) => ({ conditions: list })
  const end = (status: object) => projectJob({ metadata: METADATA, status }).end

  it('has ended by its condition, at its completion or at the time of the condition', () => {
    const failed = { type: 'Failed', status: 'True', reason: 'R', message: 'm', lastTransitionTime: at(5) }
    expect(end(conditions(failed))).toEqual({ type: 'Failed', reason: 'R', message: 'm', at: at(5) })
    const complete = { type: 'Complete', status: 'True', lastTransitionTime: at(5) }
    expect(end({ ...conditions(complete), completionTime: at(4) })).toEqual({
      type: 'Complete',
      reason: '',
      message: '',
      at: at(4),
    })
    expect(end(conditions({ ...failed, status: 'False' }))).toBeUndefined()
    expect(end(conditions({ ...failed, type: 'Suspended' }))).toBeUndefined()
  })

  it.each(['FailureTarget', 'SuccessCriteriaMet'])('is ending with %s', (type) => {
    const ending = (status: string) =>
      projectJob({ metadata: METADATA, status: conditions({ type, status }) }).ending
    expect([ending('True'), ending('False')]).toEqual([true, false])
    expect(end(conditions({ type, status: 'True' }))).toBeUndefined()
  })
})

describe('the slot of a Job', () => {
  const SLOT = '2026-11-24T02:00:00Z'
  const minutes = Date.parse(SLOT) / 60_000
  const slotOf = (text: string, name = `nightly-2a3b62b5-${minutes}`, creationTimestamp = at(-3599)) =>
    projectJob({
      metadata: {
        name,
        creationTimestamp,
        annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': text },
      },
    }).slot

  it('is that of its annotation, in whatever zone, where its name says the same', () => {
    expect(slotOf(SLOT)).toBe(SLOT)
    expect(slotOf('2026-11-24T03:00:00+01:00')).toBe('2026-11-24T03:00:00+01:00')
  })

  it.each([...HOSTILE, ['the slot before it', '2026-11-24T01:59:00Z']])(
    'is not believed to be %s',
    (_what, text) => {
      expect(slotOf(text)).toBeUndefined()
    },
  )

  it('is never after the Job was made, whatever its name', () => {
    const future = '2099-01-01T00:00:00Z'
    expect(slotOf(future, `nightly-2a3b62b5-${Date.parse(future) / 60_000}`)).toBeUndefined()
  })
})

describe('a pod', () => {
  const podOf = (status: object, metadata: object = {}) =>
    projectPod({ metadata: { ...METADATA, ...metadata }, status })

  it('belongs to the Job that controls it, whatever its labels say', () => {
    const forged = { ...labels, 'batch.kubernetes.io/controller-uid': 'forged' }
    const metadata = { labels: forged, ownerReferences: [controller], deletionTimestamp: at(1) }
    expect(podOf({ phase: 'Running' }, metadata)).toEqual({
      ...IDENTITY,
      scheduleUid: 'uid-s',
      jobUid: 'uid-j',
      index: undefined,
      createdAt: at(0),
      deleting: true,
      phase: 'Running',
      waiting: undefined,
      unschedulable: undefined,
      failure: undefined,
      terminated: undefined,
      stillRunning: [],
    })
    expect(podOf({}, { labels: forged }).jobUid).toBe('')
    const other = { ...controller, kind: 'ReplicaSet', apiVersion: 'apps/v1' }
    expect(podOf({}, { ownerReferences: [other] }).jobUid).toBe('')
  })

  it('waits where any container waits, init containers first', () => {
    const waiting = (reason: string) => ({ name: reason, state: { waiting: { reason, message: 'm' } } })
    expect(
      podOf({ containerStatuses: [{ name: 'x', state: { running: {} } }, waiting('A')] }).waiting,
    ).toEqual({
      reason: 'A',
      message: 'm',
    })
    const both = { containerStatuses: [waiting('A')], initContainerStatuses: [waiting('B')] }
    expect(podOf(both).waiting?.reason).toBe('B')
  })

  it('is unschedulable by its condition', () => {
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3' }
    const found = (change: object) => podOf(conditionsOf({ ...condition, ...change })).unschedulable
    const conditionsOf = (each: object) => ({ conditions: [each] })
    expect(found({})).toEqual({ reason: 'Unschedulable', message: '0/3' })
    expect(found({ status: 'True' })).toBeUndefined()
    expect(found({ type: 'Ready' })).toBeUndefined()
    expect(found({ reason: 'SchedulingGated' })).toBeUndefined()
  })

  it('was refused or evicted where it has failed with a reason of its own', () => {
    const failed = { phase: 'Failed', reason: 'Evicted', message: 'm' }
    expect(podOf(failed).failure).toEqual({ reason: 'Evicted', message: 'm' })
    expect(podOf({ ...failed, phase: 'Running' }).failure).toBeUndefined()
    expect(podOf({ ...failed, reason: '' }).failure).toBeUndefined()
  })

  it('has ended as its job’s container has', () => {
    const terminated = { exitCode: 137, reason: 'OOMKilled', message: 'm', finishedAt: at(5) }
    const ended = (name: string) => podOf({ containerStatuses: [{ name, state: { terminated } }] }).terminated
    expect(ended('rapidrmf')).toEqual(terminated)
    expect(ended('istio-proxy')).toBeUndefined()
  })
})

it.each([
  ['0', '0'],
  ['99', '99'],
  ['banana', undefined],
  ['-1', undefined],
  [LONG_TEXT, undefined],
])('the index of a worker is a number', (text, index) => {
  const annotations = { 'batch.kubernetes.io/job-completion-index': text }
  expect(projectPod({ metadata: { name: 'x', annotations } }).index).toBe(index)
})

describe('the last writer of a CronJob', () => {
  const writer = (...managedFields: { manager: string; time?: string; subresource?: string }[]) =>
    projectCronJob({ metadata: { name: 'x', managedFields } }).lastManager

  it('is the newest, others before the operator, and not the controller that writes the status', () => {
    const ours = { manager: FIELD_MANAGER, time: at(0) }
    expect(writer(ours, { manager: 'kubectl-edit', time: at(0) })).toBe('kubectl-edit')
    expect(writer({ manager: 'argocd', time: at(-9) }, ours)).toBe(FIELD_MANAGER)
    expect(writer(ours, { manager: 'kcm', time: at(9), subresource: 'status' })).toBe(FIELD_MANAGER)
    expect(writer()).toBe('')
  })
})

describe('the containers that keep a pod going', () => {
  const running = { state: { running: {} } }
  const over = { state: { terminated: { exitCode: 0 } } }
  const read = (status: object) => projectPod({ metadata: { name: 'p' }, status }).stillRunning

  it('are those beside the job, sidecars among the init containers too, once it has ended', () => {
    const containerStatuses = [
      { name: 'rapidrmf', ...over },
      { name: 'istio-proxy', ...running },
      { name: 'done', ...over },
    ]
    const initContainerStatuses = [
      { name: 'init', ...over },
      { name: 'vault-agent', ...running },
    ]
    expect(read({ containerStatuses, initContainerStatuses })).toEqual(['vault-agent', 'istio-proxy'])
    expect(read({ containerStatuses: [{ name: 'rapidrmf', ...over }] })).toEqual([])
    expect(
      read({
        containerStatuses: [
          { name: 'rapidrmf', ...running },
          { name: 'x', ...running },
        ],
      }),
    ).toEqual([])
  })
})
