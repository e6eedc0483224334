import { describe, expect, it } from 'vitest'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunEvent, RunOptions } from '../../../job-image/run/options.ts'
import { listControlFigures } from '../../../job-image/db/record/control-figures.ts'
import type { ControlFigures } from '../../../job-image/db/record/control-figures.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'
import { expectExactlyOnce } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 25 })

const request = (changes: Partial<RunOptions> = {}): RunOptions => runRequest(url, changes)

describe('a run', () => {
  it('decides every active control of every system once and says so in its row', async () => {
    const summary = await executeRun(request())
    expect(summary).toMatchObject({
      status: 'success',
      verdict: 'Findings',
      final: true,
      counts: { systems: 25, controls: 1007, results: 25 * 1007, errors: 0 },
    })
    const { counts } = summary
    expect(counts.pass + counts.notPass).toBe(counts.results)
    const stored = await client.query(
      `SELECT count(*)::int AS rows, count(DISTINCT (system_id, control_id))::int AS pairs,
              count(*) FILTER (WHERE status = 'PASS')::int AS pass
         FROM validation_results WHERE job_run_id = $1`,
      [summary.runId],
    )
    expect(stored.rows).toEqual([{ rows: counts.results, pairs: counts.results, pass: counts.pass }])
  })

  it('is final: the same key again reports it and writes nothing', async () => {
    const key = 'once-only'
    const first = await executeRun(request({ runKey: key }))
    const before = await client.query('SELECT count(*)::int AS n FROM validation_results')
    expect(await executeRun(request({ runKey: key }))).toEqual(first)
    const after = await client.query('SELECT count(*)::int AS n FROM validation_results')
    expect(after.rows).toEqual(before.rows)
  })

  it('is reported with a warning to a process that would have judged something else', async () => {
    const key = 'other-rules'
    const first = await executeRun(request({ runKey: key }))
    const warnings: string[] = []
    const observer = (event: RunEvent): void =>
      void (event.type === 'warning' && warnings.push(event.message))
    expect(await executeRun(request({ runKey: key, observer }))).toEqual(first)
    expect(warnings).toEqual([])
    const changes = { configurationDigest: 'another', selection: { systems: { include: ['*'] } } }
    expect(await executeRun(request({ runKey: key, observer, ...changes }))).toEqual(first)
    expect(warnings).toEqual([
      `run ${first.runId} (key ${key}) succeeded with another configuration and another selection of systems or ` +
        'controls; what is configured here was not validated',
    ])
  })

  it('has several batches in flight, and a time and counts for each control', async () => {
    const summary = await executeRun(runRequest(url, { runKey: 'lanes', concurrency: 4, batchSize: 1 }))
    expect(summary.status).toBe('success')
    await expectExactlyOnce(client, 'lanes', summary.counts.results)
    const figures = await listControlFigures(client, summary.runId!)
    const sum = (of: (control: ControlFigures) => number): number =>
      figures.reduce((total, control) => total + of(control), 0)
    const { controls, results, pass, insufficientEvidence, unknown } = summary.counts
    expect(figures).toHaveLength(controls)
    expect(sum((control) => control.pass)).toBe(pass)
    expect(sum((control) => control.insufficient_evidence)).toBe(insufficientEvidence)
    expect(sum((control) => control.unknown)).toBe(unknown)
    expect(pass + insufficientEvidence + unknown).toBe(results)
    expect(sum((control) => control.decide_us)).toBeGreaterThan(0)
  })

  it('is shared by workers that start together', async () => {
    const all = await Promise.all(
      [1, 2, 3].map(() => executeRun(request({ runKey: 'shared', batchSize: 2 }))),
    )
    expect(new Set(all.map(({ runId }) => runId)).size).toBe(1)
    expect(all[0]?.counts.results).toBe(25 * 1007)
    const { rows } = await client.query(
      `SELECT outcome, count(*)::int AS n FROM job_run_attempts WHERE job_run_id = $1 GROUP BY 1`,
      [all[0]?.runId],
    )
    expect(rows).toEqual([{ outcome: 'success', n: 3 }])
  })
})
