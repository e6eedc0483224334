import { describe, expect, it } from 'vitest'
import type { ActiveRun } from '../../../../../crds/validation-schedule.ts'
import {
  activeRun,
  isPodOverdue,
  isStuck,
  noNodeDue,
  noPodDue,
  nodeGrace,
} from '../../../../../operator/plan/runs/active.ts'
import type { ActiveInput } from '../../../../../operator/plan/runs/active.ts'
import { NOW, at, endedPod, job, pod, summary } from '../../fixtures.ts'

const active = (change: Partial<ActiveInput> = {}): ActiveRun =>
  activeRun({
    job: job('1'),
    pods: [pod('1')],
    nodeGraceMs: 300_000,
    now: NOW,
    before: undefined,
    warning: undefined,
    isReported: false,
    ...change,
  })
const before = (change: Partial<ActiveRun> = {}): ActiveRun => ({ ...active(), ...change })
const waiting = (reason: string, message = '') => pod('1', { phase: 'Pending', waiting: { reason, message } })
const NO_NODE = { reason: 'Unschedulable', message: '0/3 nodes' }

describe('an active run', () => {
  it('of a slot has its slot and its start', () => {
    expect(active()).toEqual({
      jobUID: '1',
      job: job('1').name,
      trigger: 'Schedule',
      scheduledTime: at(-3600),
      startTime: at(-3600),
    })
  })

  it('without a slot is Manual', () => {
    const manual = active({ job: job('1', { slot: undefined }) })
    expect(manual.trigger).toBe('Manual')
    expect(manual).not.toHaveProperty('scheduledTime')
  })

  it('keeps its first start; a Job that has none began when it was created', () => {
    expect(active({ before: before({ startTime: at(-9) }) }).startTime).toBe(at(-9))
    const young = job('1', { startTime: undefined, createdAt: at(-5) })
    expect(active({ job: young }).startTime).toBe(at(-5))
  })

  it('is queued, and has no start, while its Job is suspended', () => {
    const queued = active({ job: job('1', { suspended: true }), pods: [] })
    expect(queued).toMatchObject({
      reason: 'Queued',
      message: expect.stringContaining('is suspended') as string,
    })
    expect(queued).not.toHaveProperty('startTime')
  })
})

describe('the reason of a run that makes no progress', () => {
  const reason = (change: Partial<ActiveInput>) => active(change).reason

  it.each([
    ['ImagePullBackOff', 'ImagePullBackOff'],
    ['ErrImagePull', 'ImagePullBackOff'],
    ['ErrImageNeverPull', 'ErrImageNeverPull'],
    ['InvalidImageName', 'InvalidImageName'],
    ['ImageInspectError', 'ImageInspectError'],
    ['RegistryUnavailable', 'RegistryUnavailable'],
    ['SignatureValidationFailed', 'SignatureValidationFailed'],
    ['CreateContainerConfigError', 'CreateContainerConfigError'],
    ['CreateContainerError', 'CreateContainerError'],
    ['RunContainerError', 'RunContainerError'],
    ['ContainerCreating', undefined],
    ['PodInitializing', undefined],
  ])('for a container that waits with %s is %s', (kubelet, expected) => {
    expect(reason({ pods: [waiting(kubelet)] })).toBe(expected)
  })

  it('is that of the warning while there is no pod', () => {
    const warning = { reason: 'FailedCreate', message: 'exceeded quota' }
    expect(active({ pods: [], warning })).toMatchObject(warning)
    expect(reason({ warning })).toBeUndefined()
  })

  it('is the missing node, after the grace', () => {
    const pods = (seconds: number) => [pod('1', { unschedulable: NO_NODE, createdAt: at(-seconds) })]
    expect(reason({ pods: pods(299) })).toBeUndefined()
    expect(active({ pods: pods(300) })).toMatchObject(NO_NODE)
  })

  it('is none while one worker runs; the newest pod of each worker counts', () => {
    const stuck = { ...waiting('ErrImagePull'), index: '1' }
    const running = pod('1', { index: '0' })
    expect(reason({ pods: [stuck, running] })).toBeUndefined()
    const retry = { ...waiting('ErrImagePull'), index: '0', createdAt: at(-1) }
    expect(reason({ pods: [stuck, running, retry] })).toBe('ImagePullBackOff')
  })

  it('has its first message, as plain text of at most 512 characters', () => {
    const known = before({ reason: 'ImagePullBackOff', message: 'not found' })
    expect(active({ pods: [waiting('ErrImagePull', 'back-off')], before: known }).message).toBe('not found')
    const other = before({ reason: 'Unschedulable', message: 'not found' })
    expect(active({ pods: [waiting('ErrImagePull', 'back-off')], before: other }).message).toBe('back-off')
    expect(active({ pods: [waiting('ErrImagePull', 'x'.repeat(600))] }).message).toHaveLength(512)
  })

  it('stays until another pod exists', () => {
    const known = before({ reason: 'ImagePullBackOff', message: 'not found' })
    expect(reason({ pods: [], before: known })).toBe('ImagePullBackOff')
    expect(reason({ pods: [endedPod('1', '')], before: known })).toBe('ImagePullBackOff')
    expect(reason({ pods: [endedPod('1', ''), pod('1')], before: known })).toBeUndefined()
    expect(reason({ pods: [], before: before({ reason: 'Queued' }) })).toBeUndefined()
  })

  it('after its end is that its Job has not ended, with what still runs', () => {
    const over = endedPod('1', summary('1'))
    const sidecars = { ...over, stillRunning: ['vault', 'istio', 'vault'] }
    expect(active({ pods: [over], isReported: true })).toMatchObject({
      reason: 'RunEnded',
      message: 'the run has ended, and its Job has not',
    })
    expect(active({ pods: [sidecars], isReported: true }).message).toBe(
      'the run has ended, and its Job has not; still running in its pod, so that the Job cannot end: istio, vault',
    )
    expect(reason({ pods: [over] })).toBeUndefined()
    expect(reason({ pods: [over, pod('1')], isReported: true })).toBeUndefined()
    expect(reason({ pods: [], isReported: true })).toBeUndefined()
  })
})

it.each([
  [undefined, false],
  ['Queued', false],
  ['RunEnded', false],
  ['ImagePullBackOff', true],
])('a run with the reason %s is stuck: %j', (reason, stuck) => {
  expect(isStuck({ ...before(), ...(reason && { reason }) })).toBe(stuck)
})

describe('a pod is overdue', () => {
  const none = { activePods: 0 }
  it.each([
    ['without any pod', none, true],
    ['unless one is active', { activePods: 1 }, false],
    ['unless one has ended', { activePods: 0, endedPods: 1 }, false],
    ['unless the Job is suspended', { ...none, suspended: true }, false],
    ['unless the Job is about to end', { ...none, ending: true }, false],
  ])('%s', (_what, change, overdue) => {
    expect(isPodOverdue(job('1', change), [], undefined)).toBe(overdue)
  })

  it('unless one is cached, or a reason is known', () => {
    expect(isPodOverdue(job('1', none), [pod('1')], undefined)).toBe(false)
    expect(isPodOverdue(job('1', none), [], before())).toBe(true)
    expect(isPodOverdue(job('1', none), [], before({ reason: 'FailedCreate' }))).toBe(false)
  })

  it('ten seconds after the Job has begun', () => {
    expect(noPodDue(job('1', { startTime: at(-4), createdAt: at(-9) }))).toBe(NOW + 6_000)
    expect(noPodDue(job('1', { startTime: undefined, createdAt: at(-9) }))).toBe(NOW + 1_000)
  })
})

it.each([
  [14_400, 300_000],
  [600, 300_000],
  [599, 299_500],
  [60, 30_000],
])('a run with a deadline of %i s waits %i ms for a node', (deadline, grace) => {
  expect(nodeGrace(deadline)).toBe(grace)
})

it('the grace of pods without a node ends with the first of them that is within it', () => {
  const without = (seconds: number) => pod('1', { unschedulable: NO_NODE, createdAt: at(-seconds) })
  const due = (...pods: ReturnType<typeof pod>[]) => noNodeDue({ pods, nodeGraceMs: 60_000, now: NOW })
  expect(due(without(10), without(50), without(60))).toBe(NOW + 10_000)
  expect(due(without(60), pod('1', { createdAt: at(-1) }))).toBeUndefined()
})
