import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createJobByHand } from '../job-by-hand.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { is, summaryText } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

describeWithCluster('the history of runs', () => {
  const operated = useOperator('history')
  const { here } = operated

  const suspended = async (name: string): Promise<void> => {
    await operated.schedules.create(name, { suspend: true })
    await operated.schedules.status(name, 'Ready', is('Ready', 'True'))
  }
  const finish = async ({ job, uid }: { job: string; uid: string }, runId: number) =>
    here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid, { runId }) })
  const runs = async (name: string, what: string, holds: (ids: readonly string[]) => boolean) => {
    const idsOf = (recentRuns: readonly { runId?: string | undefined }[] = []) =>
      recentRuns.map(({ runId = '' }) => runId)
    const status = await operated.schedules.status(name, what, ({ recentRuns }) => holds(idsOf(recentRuns)))
    return { status, ids: idsOf(status.recentRuns) }
  }
  const descending = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, index) => String(from - index))

  it('holds the last ten of twelve runs, newest first, and the Jobs of the last three stay', async () => {
    const { schedules } = operated
    await suspended('twelve')
    const position = operated.position()
    for (let run = 1; run <= 12; run += 1) {
      await finish(await schedules.runNow('twelve', `run ${run}`), run)
      await runs('twelve', `run ${run}`, ([newest]) => newest === String(run))
    }
    const { ids, status } = await runs('twelve', 'all runs', () => true)
    expect(ids).toEqual(descending(12, 10))
    expect(status.lastRun).toMatchObject({ runId: '12' })
    const kept = await until('the old Jobs to be deleted', async () => {
      const jobs = await schedules.jobsOf('twelve')
      return jobs.length <= 3 ? jobs : undefined
    })
    const names = status.recentRuns?.slice(0, 3).map(({ job }) => job)
    expect(new Set(kept.map(({ metadata }) => metadata.name))).toEqual(new Set(names))
    const writes = await schedules.writes(position, 'twelve')
    expect(writes.filter((write) => write.startsWith('create jobs'))).toHaveLength(12)
    expect(writes.filter((write) => write.startsWith('update'))).toHaveLength(24)
    expect(writes.filter((write) => write.startsWith('delete jobs'))).toHaveLength(9)
    // Both deleted and kept Jobs are reported already.
    expect(await operated.restart()).toEqual([])
    expect((await schedules.read('twelve')).status).toEqual(status)
  }, 90_000)

  it('holds runs whose Jobs the CronJob controller has deleted', async () => {
    const { schedules } = operated
    await suspended('collected')
    for (let run = 1; run <= 5; run += 1) {
      await finish(await createJobByHand(schedules, 'collected', `collected-${run}`), run)
      await runs('collected', `run ${run}`, ([newest]) => newest === String(run))
    }
    await until('the controller to delete two', async () =>
      (await schedules.jobsOf('collected')).length <= 3 ? true : undefined,
    )
    expect((await runs('collected', 'all runs', () => true)).ids).toEqual(descending(5, 5))
    expect(await operated.restart()).toEqual([])
  })

  it('is in the order of the ends, not of the starts', async () => {
    const { schedules } = operated
    await suspended('crossed')
    const first = await createJobByHand(schedules, 'crossed', 'crossed-first')
    // Kubernetes' times are in whole seconds.
    await sleep(1_100)
    const second = await createJobByHand(schedules, 'crossed', 'crossed-second')
    await schedules.status('crossed', 'two runs', ({ active }) => active?.length === 2)
    await finish(second, 2)
    await runs('crossed', 'the second', ([newest]) => newest === '2')
    await finish(first, 1)
    const { ids, status } = await runs('crossed', 'both', (found) => found.length === 2)
    expect(ids).toEqual(['1', '2'])
    expect(status.lastRun).toMatchObject({ runId: '1', jobUID: first.uid })
    expect(status).not.toHaveProperty('active')
  })

  it('is the same when no operator was running meanwhile', async () => {
    const { schedules } = operated
    await suspended('unseen')
    await suspended('unseen-and-begun')
    const begun = await schedules.runNow('unseen-and-begun', 'once')
    await here.kubelet.podOf(begun.job)
    const writes = await operated.restart(async () => {
      const first = await createJobByHand(schedules, 'unseen', 'unseen-first')
      const second = await createJobByHand(schedules, 'unseen', 'unseen-second')
      await finish(second, 2)
      await finish(first, 1)
      await finish(begun, 3)
    })
    const { ids } = await runs('unseen', 'both', (found) => found.length === 2)
    expect(ids).toEqual(['1', '2'])
    expect((await runs('unseen-and-begun', 'the run', () => true)).ids).toEqual(['3'])
    expect(writes.toSorted()).toEqual([
      'update validationschedules status unseen',
      'update validationschedules status unseen-and-begun',
    ])
    expect(await operated.restart()).toEqual([])
  })

  itIsStillAtWork(operated)
})
