import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deletedJobOutcome, jobOutcome } from '../../../../../operator/plan/runs/job-outcome.ts'
import type { JobEndInput } from '../../../../../operator/plan/runs/job-outcome.ts'
import type { Outcome } from '../../../../../operator/plan/runs/outcome.ts'
import { projectPod } from '../../../../../operator/cache/projections.ts'
import type { CachedPod, JobEnd } from '../../../../../operator/cache/projections.ts'
import { ALL_PASS } from '../../../../support/all-pass.ts'
import { at, endedPod, pod, summary } from '../../fixtures.ts'

const complete: JobEnd = { type: 'Complete', reason: '', message: '', at: at(0) }
const failed = (
  reason = 'BackoffLimitExceeded',
  message = 'Job has reached the specified backoff limit',
): JobEnd => ({
  type: 'Failed',
  reason,
  message,
  at: at(0),
})
const judge = (end: JobEnd, pods: readonly CachedPod[], more: Partial<JobEndInput> = {}) =>
  jobOutcome({ job: { uid: 'j', end }, pods, ...more })
const word = ({ verdict, reason }: Outcome) => `${verdict}/${reason}`

const failure = {
  final: false,
  status: 'failed',
  verdict: 'Errored',
  reason: 'InvalidInput',
  runId: null,
} as const

describe('a pod that its node refused or evicted', () => {
  const read = (status: object, createdAt: string): CachedPod =>
    projectPod({
      metadata: {
        name: 'p',
        creationTimestamp: createdAt,
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j', controller: true }],
      },
      status,
    })
  const lastSeen = { reason: 'Unschedulable', message: '0/3 nodes' }
  const evicted = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }

  it('is told with its reason, and not with that of an earlier wait', () => {
    const { reason, message } = judge(failed(), [read(evicted, at(-60))], { lastSeen })
    expect(reason).toBe('BackoffLimitExceeded')
    expect(message).toContain('the node ended the last pod: Evicted: The node was low on resource: memory.')
    expect(message).not.toContain('Unschedulable')
  })

  it('says nothing where a later pod has ended otherwise, or where the pod has not failed', () => {
    const later = pod('j', { createdAt: at(-30), terminated: endedPod('j', '', 1).terminated })
    expect(judge(failed(), [read(evicted, at(-60)), later]).message).not.toContain('Evicted')
    const pending = read({ phase: 'Pending', reason: 'Evicted', message: '' }, at(-60))
    expect(judge(failed(), [pending], { lastSeen }).message).toContain('Unschedulable: 0/3 nodes')
  })
})

describe('how a run ended', () => {
  it.each<[what: string, end: JobEnd, pods: CachedPod[], expected: string, message: RegExp]>([
    ['a summary', complete, [endedPod('j', summary('j'))], 'Findings/ControlsNotPassed', /^4 of 12/],
    [
      'a summary that says Passed',
      complete,
      [endedPod('j', summary('j', { verdict: 'Passed', reason: 'AllControlsPassed' }))],
      'Passed/AllControlsPassed',
      /./,
    ],
    [
      'success after a failed try',
      complete,
      [endedPod('j', summary('j', failure), 1), endedPod('j', summary('j'))],
      'Findings/ControlsNotPassed',
      /./,
    ],
    [
      'a Job that failed after its run was closed',
      failed(),
      [endedPod('j', summary('j'), 143)],
      'Findings/ControlsNotPassed',
      /./,
    ],
    [
      'success without a word',
      complete,
      [endedPod('j', '')],
      'Errored/NoRunRecord',
      /left no summary; whether there are results is unknown/,
    ],
    [
      'another run’s summary',
      complete,
      [endedPod('j', summary('k'))],
      'Errored/NoRunRecord',
      /the summary of another run/,
    ],
    [
      'a cut summary',
      complete,
      [endedPod('j', summary('j').slice(0, 100))],
      'Errored/NoRunRecord',
      /a text that is not a summary/,
    ],
    [
      'an unfinished one',
      complete,
      [endedPod('j', summary('j', { final: false }))],
      'Errored/NoRunRecord',
      /an unfinished run/,
    ],
    ['4 KiB of HTML', complete, [endedPod('j', '<b>'.repeat(1365))], 'Errored/NoRunRecord', /not a summary/],
    [
      'a pod that is gone',
      complete,
      [],
      'Unknown/SummaryLost',
      /"rapidrmf runs list" has the outcome \(run key j\)/,
    ],
    [
      'a deadline',
      failed('DeadlineExceeded'),
      [],
      'Errored/DeadlineExceeded',
      /raise spec.job.activeDeadlineSeconds/,
    ],
    [
      'memory',
      failed(),
      [endedPod('j', '', 137, 'OOMKilled')],
      'Errored/OutOfMemory',
      /out of memory.*limits.memory/,
    ],
    [
      'a full heap, aborted',
      failed(),
      [endedPod('j', '', 134, 'Error')],
      'Errored/OutOfMemory',
      /exit code 134/,
    ],
    [
      'a full heap, crashed',
      failed(),
      [endedPod('j', '', 139, 'Error')],
      'Errored/OutOfMemory',
      /exit code 139/,
    ],
    ['a kill', failed(), [endedPod('j', '', 137, 'Error')], 'Errored/Killed', /was killed \(exit code 137\)/],
    [
      'configuration, in the job’s words',
      failed('PodFailurePolicy'),
      [endedPod('j', summary('j', { ...failure, message: 'no environment "x"' }), 2)],
      'Errored/InvalidInput',
      /^no environment "x"$/,
    ],
    [
      'configuration without words',
      failed('PodFailurePolicy'),
      [endedPod('j', '', 2)],
      'Errored/InvalidInput',
      /look at the log/,
    ],
    [
      'configuration, pod deleted by FailJob',
      failed('PodFailurePolicy'),
      [],
      'Errored/InvalidInput',
      /exit code 2/,
    ],
    [
      'what the last try said',
      failed(),
      [endedPod('j', summary('j', { ...failure, reason: 'RunBroke', message: 'database is away' }), 1)],
      'Errored/RunBroke',
      /^database is away$/,
    ],
    ['too many tries', failed(), [], 'Errored/BackoffLimitExceeded', /reached the specified backoff limit/],
    [
      'an exit code',
      failed(),
      [endedPod('j', '', 1)],
      'Errored/BackoffLimitExceeded',
      /the last pod ended with exit code 1$/,
    ],
    ['a Job that failed for no reason', failed('', ''), [], 'Errored/JobFailed', /^the Job failed$/],
    ['a pod of another container', complete, [pod('j')], 'Errored/NoRunRecord', /no summary/],
  ])('%s', (_what, end, pods, expected, message) => {
    const outcome = judge(end, pods)
    expect(word(outcome)).toBe(expected)
    expect(outcome.message).toMatch(message)
  })

  it('keeps what held the run up, which the deadline deletes with the pod', () => {
    const lastSeen = { reason: 'ImagePullBackOff', message: 'no such image' }
    expect(judge(failed('DeadlineExceeded'), [], { lastSeen }).message).toMatch(
      /made no progress: ImagePullBackOff: no such image/,
    )
  })

  it('takes the last of several tries', () => {
    const early = endedPod('j', '', 137, 'OOMKilled')
    const late = pod('j', { terminated: { exitCode: 1, reason: '', message: '', finishedAt: at(-1) } })
    expect(word(judge(failed(), [early, late]))).toBe('Errored/BackoffLimitExceeded')
    // Also where an earlier one had closed the run, and where the last one was stopped.
    const closing = endedPod('j', summary('j', { ...failure, final: true, reason: 'RunBroke' }), 1)
    expect(word(judge(failed(), [closing, late]))).toBe('Errored/BackoffLimitExceeded')
    const stopped = summary('j', { ...failure, reason: 'Interrupted' })
    const last = { exitCode: 143, reason: '', message: stopped, finishedAt: at(-1) }
    expect(word(judge(failed(), [closing, pod('j', { terminated: last })]))).toBe('Errored/Interrupted')
  })

  it('has the counts and the number of the run', () => {
    expect(judge(complete, [endedPod('j', summary('j'))])).toMatchObject({
      runId: '1207',
      counts: { pass: 8, notPass: 4 },
    })
    expect(judge(failed(), [endedPod('j', summary('j', failure), 1)])).not.toHaveProperty('counts')
  })
})

describe('how a run of several workers ended', () => {
  /** A try of a worker, so many seconds ago. */
  const ofWorker = (index: string, ago: number, exitCode: number, message = '', reason = ''): CachedPod =>
    pod('j', {
      index,
      phase: exitCode === 0 ? 'Succeeded' : 'Failed',
      terminated: { exitCode, reason, message, finishedAt: at(-ago) },
    })
  const said = (change: object) => summary('j', { ...failure, ...change })
  const stopped = said({ reason: 'Interrupted', message: 'told to stop' })

  it.each<[what: string, end: JobEnd, pods: CachedPod[], expected: string, message: RegExp]>([
    [
      'as the one says that closed it',
      complete,
      [
        ofWorker('0', 1, 0, summary('j', { final: false, status: 'running' })),
        ofWorker('1', 2, 0, summary('j')),
        ofWorker('2', 3, 0, ''),
      ],
      'Findings/ControlsNotPassed',
      /^4 of 12/,
    ],
    [
      'well, although a worker broke and was tried again',
      complete,
      [
        ofWorker('1', 9, 1, said({ reason: 'RunBroke' })),
        ofWorker('1', 2, 0, summary('j')),
        ofWorker('0', 1, 0, summary('j')),
      ],
      'Findings/ControlsNotPassed',
      /./,
    ],
    [
      'well, although a worker never came to its end',
      failed(),
      [ofWorker('0', 5, 0, summary('j')), ofWorker('1', 1, 137, '', 'OOMKilled')],
      'Findings/ControlsNotPassed',
      /./,
    ],
    [
      'as the one says that broke, not as those that were stopped for it',
      failed(),
      [
        ofWorker('0', 1, 143, stopped),
        ofWorker('1', 9, 1, said({ reason: 'RunBroke', message: 'database is away' })),
      ],
      'Errored/RunBroke',
      /^database is away$/,
    ],
    [
      'out of memory, whoever was stopped for it',
      failed(),
      [ofWorker('0', 1, 143, stopped), ofWorker('1', 9, 137, '', 'OOMKilled')],
      'Errored/OutOfMemory',
      /limits.memory/,
    ],
    [
      'as the one says that closed it as failed, whoever ended later',
      failed(),
      [
        ofWorker('0', 1, 1, said({ reason: 'RunBroke', message: 'the run was closed by another process' })),
        ofWorker('1', 9, 1, said({ reason: 'RunBroke', message: 'disk full', final: true, runId: 7 })),
      ],
      'Errored/RunBroke',
      /^disk full$/,
    ],
    [
      'out of time',
      failed('DeadlineExceeded'),
      [ofWorker('0', 1, 143, stopped), ofWorker('1', 1, 143, stopped)],
      'Errored/DeadlineExceeded',
      /raise spec.job.activeDeadlineSeconds/,
    ],
    [
      'stopped, where all were',
      failed(),
      [ofWorker('0', 1, 143, stopped)],
      'Errored/Interrupted',
      /^told to stop$/,
    ],
  ])('%s', (_what, end, pods, expected, message) => {
    for (const order of [pods, pods.toReversed()]) {
      const outcome = judge(end, order)
      expect(word(outcome)).toBe(expected)
      expect(outcome.message).toMatch(message)
    }
  })
})

describe('two summaries of one run', () => {
  const passed = { verdict: 'Passed', reason: 'AllControlsPassed' } as const
  const says = (name: string, change: object, exitCode = 0): CachedPod => ({
    ...endedPod('j', summary('j', change), exitCode),
    name,
  })

  it.each<[what: string, a: object, b: object]>([
    ['another verdict', {}, passed],
    ['another number of the run', {}, { runId: 1208 }],
    ['no number of the run', {}, { runId: null }],
    ['other counts', {}, { counts: { ...ALL_PASS, pass: 11, results: 11 } }],
    [
      'another number, where both were closed as failed',
      { ...failure, final: true, runId: 1 },
      { ...failure, final: true, runId: 2 },
    ],
  ])('with %s are believed in neither', (_what, a, b) => {
    const pods = [says('job-a', a), says('job-b', b)]
    for (const order of [pods, pods.toReversed()]) {
      for (const outcome of [judge(complete, order), judge(failed(), order), deletedJobOutcome('j', order)]) {
        expect(word(outcome)).toBe('Errored/SummariesContradict')
        expect(outcome.message).toMatch(/: job-a says .*; job-b says .*run key j/)
        expect(outcome).not.toHaveProperty('counts')
      }
    }
  })

  it.each<[what: string, a: object, b: object]>([
    ['the same', {}, {}],
    ['closed as failed, and opened again by the next try', { ...failure, final: true, runId: 1207 }, {}],
    ['of a process that left early', { ...failure, runId: 1207 }, {}],
    ['of a process that never came to a run', failure, {}],
    ['in other words', { message: 'found', startedAt: null }, {}],
  ])('do not contradict each other: %s', (_what, a, b) => {
    const pods = [says('job-a', a), says('job-b', b)]
    for (const order of [pods, pods.toReversed()]) {
      expect(word(judge(complete, order))).toBe('Findings/ControlsNotPassed')
      expect(word(deletedJobOutcome('j', order))).toBe('Findings/ControlsNotPassed')
    }
  })

  it('never make a run Passed that one of its pods says is not', () => {
    const claim = fc.record({
      verdict: fc.constantFrom('Passed', 'Findings', 'Incomplete'),
      runId: fc.constantFrom(1207, 1208),
      notPass: fc.constantFrom(0, 4),
    })
    fc.assert(
      fc.property(fc.array(claim, { minLength: 1, maxLength: 4 }), fc.boolean(), (claims, isComplete) => {
        const pods = claims.map(({ notPass, ...change }, index) =>
          says(`job-${index}`, { ...change, counts: { ...ALL_PASS, notPass } }),
        )
        const outcome = judge(isComplete ? complete : failed(), pods)
        const agree = new Set(claims.map((each) => JSON.stringify(each))).size === 1
        expect(outcome.verdict).toBe(agree ? claims[0]?.verdict : 'Errored')
      }),
    )
  })
})

it('what a run was restricted to is told with it', () => {
  const scope = { digest: 'ab'.repeat(32), text: 'systems pay*\u001B[31m' }
  expect(judge(complete, [endedPod('j', summary('j', { scope }))])).toMatchObject({
    scope: { digest: scope.digest, text: 'systems pay* [31m' },
  })
  expect(judge(complete, [endedPod('j', summary('j'))])).not.toHaveProperty('scope')
})

it('an active Job that is gone was deleted, unless its pod knows better', () => {
  expect(word(deletedJobOutcome('j', []))).toBe('Errored/JobDeleted')
  expect(word(deletedJobOutcome('j', [endedPod('j', summary('k'))]))).toBe('Errored/JobDeleted')
  expect(word(deletedJobOutcome('j', [endedPod('j', summary('j'))]))).toBe('Findings/ControlsNotPassed')
})

describe('a hostile message', () => {
  it('loses what a terminal would obey, and what is too long', () => {
    const message = `\u001B]0;x\u0007a\u202Eb\r\nc\u0000 ${'d'.repeat(2000)}`
    const outcome = judge(complete, [endedPod('j', summary('j', { message, reason: 'no\u001Bword' }))])
    expect(outcome.reason).toBe('RunReported')
    expect(outcome.message).toMatch(/^\]0;x a b c d+…$/)
    expect(outcome.message.length).toBeLessThanOrEqual(1024)
  })

  it('never throws, and never says what Kubernetes refuses', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 4096 }), fc.json())
    fc.assert(
      fc.property(text, text, fc.integer({ min: 0, max: 255 }), (message, words, code) => {
        for (const end of [complete, failed(words, words)]) {
          for (const text of [message, summary('j', { message: words, reason: words })]) {
            const outcome = judge(end, [endedPod('j', text, code, words)])
            expect(outcome.reason).toMatch(/^[A-Za-z][A-Za-z0-9]*$/)
            expect(outcome.message).not.toMatch(/\p{Cc}/u)
          }
        }
      }),
    )
  })
})
