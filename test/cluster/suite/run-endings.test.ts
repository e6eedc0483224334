import { describe, expect, it } from 'vitest'
import { MAX_SUMMARY_BYTES } from '../../../crds/run-summary.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { createJobByHand } from '../job-by-hand.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import type { Ending } from '../play-kubelet.ts'
import { conditionOf, is, summaryText } from '../schedules.ts'

type Said = (uid: string) => string
type Recorded = Readonly<Record<string, unknown>>

const NO_RECORD = { verdict: 'Errored', reason: 'NoRunRecord' }
const noRecord = (text: string): Recorded => ({
  ...NO_RECORD,
  message: expect.stringContaining(text) as string,
})
const NOT_A_SUMMARY = noRecord('a text that is not a summary')

const counts = (pass: number) => ({
  systems: 1,
  controls: 1,
  results: 1,
  pass,
  notPass: 0,
  fail: 0,
  insufficientEvidence: 0,
  unknown: 0,
  errors: 0,
})
/** A summary with an invalid part. */
const odd =
  (part: object): Said =>
  (uid) =>
    JSON.stringify({ ...(JSON.parse(summaryText(uid)) as object), ...part })

const long: Said = (uid) =>
  summaryText(uid, { verdict: 'Findings', reason: 'ControlsNotPassed', message: 'é'.repeat(8000) })

/** Termination messages of a successful container, and the resulting status. */
const MESSAGES: readonly (readonly [what: string, said: Said, recorded: Recorded])[] = [
  ['nothing', () => '', noRecord('no summary')],
  ['no JSON', () => 'Error: ECONNREFUSED\n    at connect', NOT_A_SUMMARY],
  ['another JSON', () => '[]', NOT_A_SUMMARY],
  ['a cut summary', (uid) => long(uid).slice(0, 2000), NOT_A_SUMMARY],
  [
    'a summary of 4 KiB',
    long,
    { verdict: 'Findings', runId: '7', message: expect.stringMatching(/^é{1023}…$/) as string },
  ],
  ['control characters', () => `{"version":1,"\u0000\u001B[2J\u0007`, NOT_A_SUMMARY],
  [
    'terminal escapes',
    (uid) =>
      summaryText(uid, {
        reason: 'rm -rf',
        message: 'a\u001B[31mred\u001B[0m\n\u202Eb\u0000<script>alert(1)</script>',
      }),
    { verdict: 'Passed', reason: 'RunReported', message: 'a [31mred [0m b <script>alert(1)</script>' },
  ],
  [
    "another run's summary",
    () => summaryText('5f0c7f43-0d49-4f5e-a2b4-7d1b7a5c0a11'),
    noRecord('the summary of another run'),
  ],
  [
    'an unfinished summary',
    (uid) => summaryText(uid, { final: false }),
    noRecord('the summary of an unfinished run'),
  ],
  ['another version', odd({ version: 2 }), NOT_A_SUMMARY],
  ['an unknown verdict', odd({ verdict: 'Excellent' }), NOT_A_SUMMARY],
  ['fewer than no results', odd({ counts: counts(-1) }), NOT_A_SUMMARY],
  ['half a result', odd({ counts: counts(0.5) }), NOT_A_SUMMARY],
  ['more results than a number can hold', odd({ counts: counts(1e300) }), NOT_A_SUMMARY],
  [
    'the largest safe number of results',
    odd({ counts: counts(Number.MAX_SAFE_INTEGER) }),
    { verdict: 'Passed', counts: counts(Number.MAX_SAFE_INTEGER) },
  ],
  [
    'keys of a prototype',
    (uid) =>
      summaryText(uid).replace(
        '{',
        '{"__proto__":{"verdict":"Findings"},"constructor":{"prototype":{"polluted":1}},',
      ),
    { verdict: 'Passed', runId: '7' },
  ],
]

/** Other ends of the container, and the resulting status. */
const EXITS: readonly (readonly [what: string, ending: Ending, recorded: Recorded])[] = [
  ['out of memory', { exitCode: 137, reason: 'OOMKilled' }, { reason: 'OutOfMemory' }],
  ['killed', { exitCode: 137 }, { reason: 'Killed' }],
  ['crashed with a full heap', { exitCode: 139 }, { reason: 'OutOfMemory' }],
  ['aborted with a full heap', { exitCode: 134 }, { reason: 'OutOfMemory' }],
  ['refused its configuration without a message', { exitCode: 2 }, { reason: 'InvalidInput' }],
  [
    'broke',
    { exitCode: 1 },
    { reason: 'BackoffLimitExceeded', message: expect.stringContaining('exit code 1') as string },
  ],
]

describeWithCluster('a run that ends', () => {
  const operated = useOperator('endings')
  const { here } = operated

  const start = async (name: string, spec: object = {}) => {
    await operated.schedules.create(name, { suspend: true, ...spec })
    return operated.schedules.runNow(name, 'once')
  }
  const recorded = async (name: string) => {
    const status = await operated.schedules.status(name, 'recorded', ({ lastRun }) => lastRun !== undefined, {
      timeoutMs: 60_000,
    })
    expect(status).not.toHaveProperty('active')
    expect(status.recentRuns).toHaveLength(1)
    return status
  }
  const passed = (uid: string): Ending => ({ exitCode: 0, message: summaryText(uid) })

  it.concurrent.each(MESSAGES.map((row, index) => [...row, `message-${index}`] as const))(
    'successfully, with %s',
    async (_what, said, expected, name) => {
      const { job, uid } = await start(name)
      await here.kubelet.finish(job, { exitCode: 0, message: said(uid) })
      const { lastRun, conditions } = await recorded(name)
      expect(lastRun).toMatchObject({ jobUID: uid, job, ...expected })
      // Only the accepted part of the message is visible.
      const compliant = { Passed: 'True', Findings: 'False', Errored: 'Unknown' }[
        lastRun?.verdict as 'Passed'
      ]
      expect(conditionOf({ conditions }, 'Compliant')?.status).toBe(compliant)
    },
  )

  it('keeps a summary of exactly the size limit of Kubernetes', () => {
    expect(Buffer.byteLength(long('5f0c7f43-0d49-4f5e-a2b4-7d1b7a5c0a11'))).toBeGreaterThan(
      MAX_SUMMARY_BYTES - 8,
    )
  })

  it.concurrent.each(EXITS.map((row, index) => [...row, `exit-${index}`] as const))(
    'with an error: %s',
    async (_what, ending, expected, name) => {
      const { job, uid } = await start(name, { job: { backoffLimit: 0 } })
      await here.kubelet.finish(job, ending)
      const { lastRun, conditions } = await recorded(name)
      expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Errored', ...expected })
      expect(conditionOf({ conditions }, 'RunSucceeded')).toMatchObject({
        status: 'False',
        reason: 'RunErrored',
      })
      expect(conditionOf({ conditions }, 'Compliant')).toMatchObject({ status: 'Unknown' })
    },
  )

  describe.concurrent('after', () => {
    it('a failed try has the summary of the next one', async () => {
      const { job, uid } = await start('retried')
      const first = await here.kubelet.running(await here.kubelet.podOf(job))
      const broke = summaryText(uid, {
        final: false,
        status: 'failed',
        verdict: 'Errored',
        reason: 'RunBroke',
      })
      await here.kubelet.ended(first, { exitCode: 1, message: broke })
      await here.kubelet.finish(job, passed(uid))
      expect((await recorded('retried')).lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
    })

    it('a disruption has the summary of the replacement pod', async () => {
      const { job, uid } = await start('disrupted', { job: { backoffLimit: 0 } })
      const first = await here.kubelet.running(await here.kubelet.podOf(job))
      await here.kubelet.disrupted(first, 'EvictionByEvictionAPI')
      await here.kubelet.finish(job, passed(uid))
      expect((await recorded('disrupted')).lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
    })

    it('findings with --fail-on has the verdict Findings', async () => {
      const { job, uid } = await start('fail-on-findings')
      const message = summaryText(uid, { verdict: 'Findings', reason: 'ControlsNotPassed' })
      await here.kubelet.finish(job, { exitCode: 3, message })
      const { lastRun, conditions } = await recorded('fail-on-findings')
      expect(lastRun).toMatchObject({ verdict: 'Findings', reason: 'ControlsNotPassed' })
      expect(conditionOf({ conditions }, 'RunSucceeded')).toMatchObject({ status: 'True' })
    })

    it('waiting for an image until its deadline names the image', async () => {
      const { job, uid } = await start('stuck', { job: { activeDeadlineSeconds: 6 } })
      await here.kubelet.waiting(await here.kubelet.podOf(job), 'ErrImagePull', 'no such image: job:none')
      const reason = { reason: 'ImagePullBackOff', message: 'no such image: job:none' }
      const waiting = await operated.schedules.status(
        'stuck',
        'a reason',
        ({ active, lastRun }) => lastRun !== undefined || active?.[0]?.reason !== undefined,
      )
      expect(waiting.active).toMatchObject([reason])
      const { lastRun } = await recorded('stuck')
      expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Errored', reason: 'DeadlineExceeded' })
      expect(lastRun?.message).toContain('it made no progress: ImagePullBackOff: no such image: job:none')
    })

    it('its pod was rejected by its node has the reason of the node', async () => {
      const { job, uid } = await start('rejected', { job: { backoffLimit: 0 } })
      await here.kubelet.rejected(await here.kubelet.podOf(job), 'OutOfcpu', 'Node has too few CPUs')
      const { lastRun } = await recorded('rejected')
      expect(lastRun).toMatchObject({ jobUID: uid, reason: 'BackoffLimitExceeded' })
      expect(lastRun?.message).toContain('the node ended the last pod: OutOfcpu: Node has too few CPUs')
    })

    it('the deletion of its Job is Errored', async () => {
      const { job, uid } = await start('job-deleted')
      await here.kubelet.running(await here.kubelet.podOf(job))
      await operated.schedules.client.remove(RESOURCES.jobs, { namespace: here.name, name: job })
      expect((await recorded('job-deleted')).lastRun).toMatchObject({
        jobUID: uid,
        verdict: 'Errored',
        reason: 'JobDeleted',
      })
    })

    it('sharing its work among three workers has the summary of the one that closed it', async () => {
      const scope = { digest: 'ab'.repeat(32), text: 'systems pay*' }
      const { job, uid } = await start('shared', {
        selection: { systems: { include: ['pay*'] } },
        job: { parallelism: 3, backoffLimit: 1 },
      })
      const [first, second, third] = await Promise.all(
        (await here.kubelet.podsOf(job, 3)).map((pod) => here.kubelet.running(pod)),
      )
      expect(second?.spec?.containers[0]?.env).toContainEqual({
        name: 'SELECTION',
        value: '{"systems":{"include":["pay*"]}}',
      })
      // One worker fails and is retried. Of the others one ends before the run, and one closes it.
      const broke = summaryText(uid, {
        final: false,
        status: 'failed',
        verdict: 'Errored',
        reason: 'RunBroke',
      })
      await here.kubelet.ended(third!, { exitCode: 1, message: broke })
      await here.kubelet.ended(first!, {
        exitCode: 0,
        message: summaryText(uid, { final: false, status: 'running' }),
      })
      const closing = { verdict: 'Findings', reason: 'ControlsNotPassed', message: 'found', scope } as const
      await here.kubelet.ended(second!, { exitCode: 0, message: summaryText(uid, closing) })
      await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid, closing) })
      const { lastRun, recentRuns } = await recorded('shared')
      expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Findings', message: 'found', scope })
      expect(recentRuns).toMatchObject([{ scope: 'abababababab' }])
      expect((await operated.schedules.jobsOf('shared')).map(({ status }) => status)).toMatchObject([
        { succeeded: 3, failed: 1 },
      ])
    })

    it('waiting in a queue with all its workers has their summary', async () => {
      const { job, uid } = await start('queued', { job: { parallelism: 2 } })
      const suspend = (value: boolean) =>
        operated.schedules.patchJob(job, [{ op: 'add', path: '/spec/suspend', value }])
      await here.kubelet.podsOf(job, 2)
      await suspend(true)
      await operated.schedules.status('queued', 'queued', ({ active }) => active?.[0]?.reason === 'Queued')
      await suspend(false)
      const pods = await here.kubelet.podsOf(job, 2)
      for (const pod of pods) await here.kubelet.ended(await here.kubelet.running(pod), passed(uid))
      expect((await recorded('queued')).lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
    })

    it('too many out-of-memory kills of one worker has its reason, and not that of the stopped ones', async () => {
      const { job, uid } = await start('one-of-two', { job: { parallelism: 2, backoffLimit: 0 } })
      const [first] = await Promise.all(
        (await here.kubelet.podsOf(job, 2)).map((pod) => here.kubelet.running(pod)),
      )
      await here.kubelet.ended(first!, { exitCode: 137, reason: 'OOMKilled' })
      expect((await recorded('one-of-two')).lastRun).toMatchObject({
        jobUID: uid,
        verdict: 'Errored',
        reason: 'OutOfMemory',
      })
    })

    it('sharing its pod with another container ignores the message of that container', async () => {
      const { schedules } = operated
      await schedules.create('meshed', { suspend: true })
      await schedules.status('meshed', 'Ready', is('Ready', 'True'))
      const { job, uid } = await createJobByHand(schedules, 'meshed', 'meshed-by-hand', {
        container: { name: 'a-proxy', image: 'registry.example/proxy' },
      })
      const others = summaryText(uid, { verdict: 'Findings', reason: 'ControlsNotPassed' })
      await here.kubelet.finish(job, { ...passed(uid), others })
      expect((await recorded('meshed')).lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
    })
  })

  describe('while the operator is down', () => {
    it('with its pod deleted, has the verdict Unknown', async () => {
      const { job, uid } = await start('pod-lost')
      await operated.restart(async () => {
        const pod = await here.kubelet.podOf(job)
        await here.kubelet.finish(job, passed(uid))
        await operated.schedules.client.remove(RESOURCES.pods, {
          namespace: here.name,
          name: pod.metadata?.name ?? '',
        })
      })
      const { lastRun, conditions } = await recorded('pod-lost')
      expect(lastRun).toMatchObject({ jobUID: uid, verdict: 'Unknown', reason: 'SummaryLost' })
      expect(lastRun?.message).toContain(uid)
      for (const type of ['RunSucceeded', 'Compliant']) {
        expect(conditionOf({ conditions }, type)).toMatchObject({ status: 'Unknown', reason: 'RunUnknown' })
      }
    })

    it('by the deletion of its Job, is reported from the status', async () => {
      const { job, uid } = await start('deleted-unseen')
      await here.kubelet.podOf(job)
      await operated.restart(async () => {
        await operated.schedules.client.remove(RESOURCES.jobs, { namespace: here.name, name: job })
      })
      expect((await recorded('deleted-unseen')).lastRun).toMatchObject({
        jobUID: uid,
        job,
        verdict: 'Errored',
        reason: 'JobDeleted',
      })
    })

    it('is reported in one write, and not again after the next restart', async () => {
      const { job, uid } = await start('ended-unseen')
      await here.kubelet.podOf(job)
      const first = await operated.restart(() => here.kubelet.finish(job, passed(uid)))
      expect((await recorded('ended-unseen')).lastRun).toMatchObject({ jobUID: uid, verdict: 'Passed' })
      expect(first).toEqual(['update validationschedules status ended-unseen'])
      expect(await operated.restart()).toEqual([])
    })
  })

  itIsStillAtWork(operated)
})
