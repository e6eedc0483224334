import { describe, expect, it } from 'vitest'
import type { Condition, FinishedRun } from '../../../../../crds/validation-schedule.ts'
import type { CronJobState } from '../../../../../operator/plan/cron-job/cron-job-state.ts'
import { conditionsOf } from '../../../../../operator/plan/status/conditions.ts'
import type { ConditionFacts } from '../../../../../operator/plan/status/conditions.ts'
import { NOW, at } from '../../fixtures.ts'

const FACTS: ConditionFacts = {
  generation: 3,
  now: at(0),
  cronJob: { kind: 'ready' },
  next: { kind: 'at', time: NOW + 1_000 },
  conflictingWriter: undefined,
  heldUpBy: [],
  lastRun: undefined,
}
const of = (change: Partial<ConditionFacts>, before?: readonly Condition[]) =>
  Object.fromEntries(
    conditionsOf({ ...FACTS, ...change }, before).map((each) => [each.type, each]),
  ) as Record<string, Condition>
/** The status, the reason and the message of a condition. */
const text = ({ status, reason, message }: Condition = {} as Condition) => `${status} ${reason}: ${message}`
const LAST_GOOD = { suspended: false, failure: undefined }

it('are all five, in the order of the API, of this generation', () => {
  const conditions = conditionsOf(FACTS)
  expect(conditions.map(({ type }) => type)).toEqual([
    'Accepted',
    'Ready',
    'Stalled',
    'RunSucceeded',
    'Compliant',
  ])
  for (const { observedGeneration, lastTransitionTime } of conditions)
    expect([observedGeneration, lastTransitionTime]).toEqual([3, at(0)])
})

it('keep the time of their transition while their status stays', () => {
  const before = conditionsOf({ ...FACTS, now: at(-60) })
  const after = of({ next: { kind: 'never' }, cronJob: { kind: 'failing', message: 'm' } }, before)
  expect(after['Stalled']?.lastTransitionTime).toBe(at(-60))
  expect(after['Ready']?.lastTransitionTime).toBe(at(0))
})

it('have messages of at most 8,192 characters on one line', () => {
  const cronJob: CronJobState = { kind: 'invalid', message: 'x\n'.repeat(40_000), lastGood: undefined }
  const message = of({ cronJob })['Accepted']?.message ?? ''
  expect(message).toHaveLength(8_192)
  expect(message).not.toContain('\n')
})

describe('the state of the CronJob', () => {
  const PENDING = 'Unknown Pending: the API server has not checked this spec yet'
  const VALID = 'True Valid: the API server accepts this spec'
  const FREE = 'False NotStalled: no action is required'
  it.each<[CronJobState, string, string, string]>([
    [{ kind: 'ready' }, VALID, 'True CronJobReady: the CronJob is what the spec asks for', FREE],
    [
      { kind: 'invalid', message: 'bad hour', lastGood: undefined },
      'False InvalidSpec: bad hour',
      'False InvalidSpec: there is no CronJob',
      'True InvalidSpec: correct the spec: bad hour',
    ],
    [
      { kind: 'notAllowed', message: 'image not allowed', lastGood: LAST_GOOD },
      'False NotAllowed: image not allowed',
      'False InvalidSpec: the CronJob is still that of the last good spec',
      'True NotAllowed: image not allowed',
    ],
    [
      { kind: 'conflict', name: 'n', owner: 'App shop' },
      VALID,
      'False Conflict: the CronJob n does not belong to this schedule',
      'True Conflict: the CronJob n exists and belongs to App shop; delete it, or rename this schedule',
    ],
    [
      { kind: 'leaving', name: 'n', finalizers: [] },
      PENDING,
      'False WaitingForCleanup: waiting until the CronJob n is deleted',
      FREE,
    ],
    [
      { kind: 'leaving', name: 'n', finalizers: ['a/b', 'c/d'] },
      PENDING,
      'False WaitingForCleanup: waiting until the CronJob n is deleted; its finalizers hold it: a/b, c/d',
      FREE,
    ],
    [
      { kind: 'inherited', name: 'n' },
      PENDING,
      'False WaitingForCleanup: the CronJob n still belongs to a deleted schedule of this name; it is adopted if garbage collection does not remove it within seconds',
      FREE,
    ],
    [{ kind: 'terminating' }, PENDING, 'False NamespaceTerminating: the namespace is being deleted', FREE],
    [
      { kind: 'forbidden', message: 'no role' },
      PENDING,
      'False Forbidden: the CronJob may not be written: no role',
      'True Forbidden: permit it; it is retried within five minutes: no role',
    ],
    [
      { kind: 'failing', message: 'timeout' },
      PENDING,
      'False Progressing: the CronJob cannot be written for now: timeout',
      FREE,
    ],
  ])('%j', (cronJob, accepted, ready, stalled) => {
    const found = of({ cronJob })
    expect(text(found['Accepted'])).toBe(accepted)
    expect(text(found['Ready'])).toBe(ready)
    expect(text(found['Stalled'])).toBe(stalled)
  })

  it.each([
    ['invalid', true, undefined, 'and is suspended'],
    ['notAllowed', true, undefined, 'and is suspended until the spec is allowed'],
    ['invalid', true, 'no', 'it is suspended, and cannot be resumed: no'],
    ['invalid', false, 'no', 'it is not suspended, and cannot be: no'],
  ] as const)('%s, suspended %j, failure %s', (kind, suspended, failure, expected) => {
    const cronJob: CronJobState = { kind, message: 'm', lastGood: { suspended, failure } }
    expect(of({ cronJob })['Ready']?.message).toMatch(new RegExp(`last good spec[;,] ${expected}$`))
  })
})

describe('a ready CronJob', () => {
  it('of a suspended schedule is ready', () => {
    expect(text(of({ next: { kind: 'suspended' } })['Ready'])).toMatch(/^True Suspended: /)
  })

  it('that never fires is accepted and ready, and says so', () => {
    const found = of({ next: { kind: 'never' } })
    expect(text(found['Accepted'])).toMatch(/^True NeverFires: spec.schedule names a date that does not come/)
    expect(text(found['Ready'])).toMatch(/^True NeverFires: spec.schedule names/)
  })

  it('with an unknown next slot is accepted', () => {
    const found = of({ next: { kind: 'unknown', why: 'no such zone' } })
    expect(text(found['Accepted'])).toBe(
      'True NextRunUnknown: runs start, but the next slot is unknown: no such zone',
    )
    expect(text(found['Ready'])).toMatch(/^True CronJobReady/)
  })

  it('that another writer changes is stalled', () => {
    const conflictingWriter = { fieldManager: 'argocd', repairs: 5, lastRepairTime: at(0) }
    const found = of({ conflictingWriter, next: { kind: 'suspended' } })
    const writer = 'the CronJob is changed repeatedly by the field manager "argocd"'
    expect(text(found['Ready'])).toBe(`False ConflictingWriter: ${writer}`)
    expect(text(found['Stalled'])).toBe(
      `True ConflictingWriter: ${writer}; stop that writer, or change the schedule instead: repairs pause for up to five minutes`,
    )
  })

  it.each([
    [['a'], 'a'],
    [['a', 'b', 'c'], 'a, b, c'],
    [['a', 'b', 'c', 'd', 'e'], 'a, b, c and 2 more'],
  ])('that Jobs of a deleted schedule hold up names three: %j', (heldUpBy, names) => {
    expect(of({ heldUpBy })['Ready']?.message).toBe(
      `the CronJob is what the spec asks for; its next slot waits for ${names}, of a deleted schedule of this name`,
    )
  })
})

describe('the last run', () => {
  const run = (change: Partial<FinishedRun>): FinishedRun => ({
    jobUID: '1',
    job: 'j',
    trigger: 'Manual',
    completionTime: at(0),
    verdict: 'Passed',
    reason: 'Because',
    message: 'm',
    late: false,
    ...change,
  })
  const counts = (notPass: number) => ({
    counts: {
      systems: 1,
      controls: 1,
      results: 1,
      pass: 0,
      notPass,
      fail: notPass,
      insufficientEvidence: 0,
      unknown: 0,
      errors: 1,
    },
  })

  it.each<[string, FinishedRun | undefined, string, string]>([
    ['none', undefined, 'Unknown NoRunYet: no run has ended yet', 'Unknown NoRunYet: no run has ended yet'],
    ['Passed', run({}), 'True RunCompleted: m', 'True AllControlsPassed: m'],
    ['Findings', run({ verdict: 'Findings' }), 'True RunCompleted: m', 'False ControlsNotPassed: m'],
    ['Incomplete', run({ verdict: 'Incomplete' }), 'True RunIncomplete: m', 'False RunIncomplete: m'],
    [
      'Incomplete without findings',
      run({ verdict: 'Incomplete', ...counts(0) }),
      'True RunIncomplete: m',
      'False RunIncomplete: m',
    ],
    [
      'Incomplete with findings',
      run({ verdict: 'Incomplete', ...counts(1) }),
      'True RunIncomplete: m',
      'False ControlsNotPassed: m',
    ],
    [
      'Errored',
      run({ verdict: 'Errored' }),
      'False RunErrored: Because: m',
      'Unknown RunErrored: the last run broke; see RunSucceeded',
    ],
    ['Unknown', run({ verdict: 'Unknown' }), 'Unknown RunUnknown: m', 'Unknown RunUnknown: m'],
  ])('%s', (_what, lastRun, succeeded, compliant) => {
    const found = of({ lastRun })
    expect(text(found['RunSucceeded'])).toBe(succeeded)
    expect(text(found['Compliant'])).toBe(compliant)
  })
})
