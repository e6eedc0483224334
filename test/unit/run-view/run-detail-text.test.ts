import { describe, expect, it } from 'vitest'
import type { RunSystem } from '../../../job-image/db/record/run-systems.ts'
import type { RunDetail } from '../../../job-image/run-view/run-detail.ts'
import { runDetailText } from '../../../job-image/run-view/run-detail-text.ts'
import { summaryOf } from '../../../job-image/run/summary.ts'
import { jobRun } from '../../support/job-run.ts'

function detail(run: Partial<RunDetail['run']> = {}, changes: Partial<RunDetail> = {}): RunDetail {
  const row = { ...jobRun(run), silentSince: run.silentSince ?? null }
  const { message, counts } = summaryOf(row)
  return { run: row, message, counts, attempts: [], systems: [], ...changes }
}

const system = (id: number, changes: Partial<RunSystem> = {}): RunSystem => ({
  system_id: id,
  system: `web-${id}`,
  removed: false,
  state: 'done',
  error: null,
  pass: 3,
  fail: 0,
  insufficient_evidence: 0,
  unknown: 0,
  results_run_id: 7,
  decided_at: '2026-11-24 02:00:30',
  ...changes,
})

/** The facts by their labels. */
function factsOf(text: string): Record<string, string> {
  const lines = (text.split('\n\n')[0] ?? '').split('\n')
  return Object.fromEntries(lines.map((line) => [line.slice(0, 23).trim(), line.slice(23)]))
}

describe('the facts of a run', () => {
  it('are one line each, without what it does not have', () => {
    const text = runDetailText(
      detail({ attributes: { triggered_by: 'cli', digests: { rules: 'abc' } } }),
      100,
    )
    expect(factsOf(text)).toMatchObject({
      Run: '7',
      Type: 'validation',
      Environment: 'production',
      Status: 'success',
      Verdict: 'Passed',
      Message: 'all 6 results pass (2 systems, 3 controls)',
      Started: '2026-11-24 02:00:00',
      Finished: '2026-11-24 02:01:00',
      'Run key': 'nightly-1',
      'Triggered by': 'cli',
      'Digest: rules': 'abc',
      Systems: '2',
      Controls: '3',
      Results: '6: pass 6 · fail 0 · insufficient evidence 0 · unknown 0',
      Errors: '0',
    })
    expect(text).not.toMatch(/^(Error|Schedule|Slot|Warning|Unchanged) /m)
  })

  it('have an error once, with its lines indented and its control characters as symbols', () => {
    const failed = { status: 'failed', verdict: 'Errored' as const, error: 'first\nsecond\u001b' }
    expect(runDetailText(detail(failed), 100)).toContain(
      `Message                first\n${' '.repeat(23)}second␛\n`,
    )
    expect(runDetailText(detail(failed), 100)).not.toMatch(/^Error /m)
    expect(runDetailText(detail(failed, { message: null }), 100)).toMatch(/^Error {18}first$/m)
  })

  it('count the systems that are still to do', () => {
    const systems = [system(1), system(2, { state: 'pending' })]
    expect(runDetailText(detail({}, { systems }), 100)).toMatch(/^Systems {16}2 \(1 still to do\)$/m)
  })

  it.each([
    [{ carried: 2, previous_run: 5 }, '2 systems, as in run 5'],
    [{ carried: 1, previous_run: null }, '1 system, as in earlier runs'],
    [{ carried: 0, previous_run: null }, 'nothing'],
    [{ carried: 0, full_because: 'decisions are old' }, 'not asked: decisions are old'],
  ])('say what an incremental run reused: %j', (incremental, expected) => {
    expect(factsOf(runDetailText(detail({ attributes: { incremental } }), 100))['Unchanged']).toBe(expected)
  })

  it('are few for a run of another program', () => {
    const other = detail({ run_key: null }, { message: null, counts: null })
    expect(runDetailText(other, 100)).not.toMatch(/^(Message|Systems|Results) /m)
  })
})

describe('the tables of a run', () => {
  it('name the systems that could not be evaluated before all systems, the worst first', () => {
    const systems = [
      system(1),
      system(2, { fail: 1 }),
      system(3, { state: 'error', error: 'a trigger refuses it', system: null }),
      system(4, { removed: true, fail: 2 }),
    ]
    const text = runDetailText(detail({}, { systems }), undefined)
    const [errors = '', all = ''] = text
      .split('\nSystems that could not be evaluated\n')[1]!
      .split('\nSystems\n')
    expect(errors).toMatch(/\(deleted, id 3\).*a trigger refuses it/)
    expect(errors).not.toContain('web-1')
    const order = [...all.matchAll(/\(deleted, id 3\)|web-\d( \(removed\))?/g)].map(([name]) => name)
    expect(order).toEqual(['(deleted, id 3)', 'web-4 (removed)', 'web-2', 'web-1'])
  })

  it('show 50 systems, and say how many more there are', () => {
    const systems = Array.from({ length: 51 }, (_, index) => system(index))
    expect(runDetailText(detail({}, { systems }), 100)).toContain('… and 1 more; --json has all\n')
    expect(runDetailText(detail({}, { systems: systems.slice(1) }), 100)).not.toContain('more; --json')
  })

  it('name the controls that could not be evaluated, whatever another program stored', () => {
    const invalid = [{ control: 'AC-2', problem: 'row 3: bad' }, null, { control: 5 }]
    const text = runDetailText(detail({ attributes: { invalid_controls: invalid } }), 100)
    expect(text).toMatch(/\nControls that could not be evaluated\n[^]*AC-2.*row 3: bad/)
    expect(runDetailText(detail({ attributes: { invalid_controls: 'x' } }), 100)).not.toContain(
      'Controls that',
    )
  })

  it('list the attempts', () => {
    const attempt = {
      attempt: 2,
      worker: 'host/1/abc',
      host: 'host',
      started_at: '2026-11-24 02:00:00',
      heartbeat_at: '2026-11-24 02:00:10',
      ended_at: null,
      outcome: null,
      error: null,
    }
    const text = runDetailText(detail({}, { attempts: [attempt] }), 120)
    expect(text).toMatch(/\nAttempts\n[^]* 2 │ host\/1\/abc │ 2026-11-24 02:00:00 │ +│ running/)
  })
})
