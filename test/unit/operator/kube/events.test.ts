import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { KubeError, UnreachableError } from '../../../../operator/kube/errors.ts'
import { eventName, EventRecorder } from '../../../../operator/kube/events.ts'
import type { EventInput, EventRecorderOptions } from '../../../../operator/kube/events.ts'
import type { KubeObject } from '../../../../operator/kube/object.ts'
import { fakeClock, settle } from '../fake-clock.ts'

const regarding = {
  apiVersion: 'rapidrmf.io/v1alpha1',
  kind: 'ValidationSchedule',
  namespace: 'ns',
  name: 'nightly',
  uid: 'uid-1',
}

const input = (changes: Partial<EventInput> = {}): EventInput => ({
  regarding,
  type: 'Normal',
  reason: 'RunPassed',
  action: 'Mirror',
  note: 'all passed',
  dedupKey: 'job-1',
  ...changes,
})

function setUp(fault?: (attempt: number) => unknown, options: Partial<EventRecorderOptions> = {}) {
  const clock = fakeClock()
  const sent: KubeObject[] = []
  let attempts = 0
  const create = async (_resource: unknown, object: KubeObject): Promise<KubeObject> => {
    const error = fault?.(++attempts)
    if (error instanceof Error) throw error
    sent.push(object)
    return object
  }
  const recorder = new EventRecorder({
    client: { create } as unknown as EventRecorderOptions['client'],
    controller: 'rapidrmf.io/operator',
    instance: 'operator-1',
    log: pino({ enabled: false }),
    clock,
    random: () => 0,
    ...options,
  })
  return { clock, recorder, sent, attempts: () => attempts }
}

describe('the event recorder', () => {
  test('makes what events.k8s.io/v1 asks for', async () => {
    const { recorder, sent } = setUp()
    recorder.record(input())
    await recorder.drain(1_000)
    expect(sent).toEqual([
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: expect.stringMatching(/^nightly\.[0-9a-f]{16}$/), namespace: 'ns' },
        eventTime: '2026-11-24T02:00:00.000000Z',
        reportingController: 'rapidrmf.io/operator',
        reportingInstance: 'operator-1',
        type: 'Normal',
        reason: 'RunPassed',
        action: 'Mirror',
        note: 'all passed',
        regarding,
      },
    ])
  })

  test('one name for one thing that happened, another for any other', () => {
    const same = eventName(input())
    expect(eventName(input({ note: 'other words' }))).toBe(same)
    const others = [
      input({ dedupKey: 'job-2' }),
      input({ reason: 'RunErrored' }),
      input({ regarding: { ...regarding, uid: 'uid-2' } }),
    ].map(eventName)
    expect(new Set([same, ...others]).size).toBe(4)
  })

  test.each(['a'.repeat(253), `${'a'.repeat(235)}.${'b'.repeat(17)}`, `${'a.'.repeat(120)}b`])(
    'the name of an event about %s is a DNS name',
    (name) => {
      const made = eventName(input({ regarding: { ...regarding, name } }))
      expect(made.length).toBeLessThanOrEqual(253)
      expect(made).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)
    },
  )

  test('a repeat is a 409, and no failure', async () => {
    const { recorder, attempts } = setUp(() => new KubeError(409, { reason: 'AlreadyExists' }))
    recorder.record(input())
    await recorder.drain(1_000)
    expect([attempts(), recorder.dropped]).toEqual([1, 0])
  })

  test('tries again after a failure that may pass, and then gives up', async () => {
    const passing = setUp((attempt) => (attempt < 3 ? new UnreachableError('down') : undefined))
    passing.recorder.record(input())
    await passing.clock.advance(10_000)
    expect(passing.sent).toHaveLength(1)
    const lasting = setUp(() => new KubeError(500, {}))
    lasting.recorder.record(input())
    await lasting.clock.advance(60_000)
    expect([lasting.attempts(), lasting.recorder.dropped]).toEqual([4, 1])
  })

  test('does not try again what cannot succeed', async () => {
    const { recorder, clock, attempts } = setUp(() => new KubeError(403, { reason: 'Forbidden' }))
    recorder.record(input())
    recorder.record(input({ dedupKey: 'job-2' }))
    await clock.advance(60_000)
    expect([attempts(), recorder.dropped]).toEqual([2, 2])
  })

  test('holds so many and no more', async () => {
    const { recorder, clock, sent } = setUp(undefined, { capacity: 3 })
    for (let index = 0; index < 5; index++) recorder.record(input({ dedupKey: String(index) }))
    expect([recorder.pending, recorder.dropped]).toEqual([3, 2])
    await clock.advance(0)
    expect(sent).toHaveLength(3)
    recorder.record(input({ dedupKey: 'later' }))
    await settle()
    expect(sent).toHaveLength(4)
  })

  test('drain gives up when its time is over, and then takes nothing more', async () => {
    const { recorder, clock, attempts } = setUp(() => new UnreachableError('down'))
    for (let index = 0; index < 3; index++) recorder.record(input({ dedupKey: String(index) }))
    const drained = recorder.drain(700)
    await clock.advance(700)
    await drained
    expect([attempts() < 4, recorder.pending, recorder.dropped]).toEqual([true, 0, 3])
    recorder.record(input())
    expect([recorder.pending, recorder.dropped]).toEqual([0, 4])
  })
})
