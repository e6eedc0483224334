import { describe, expect, it } from 'vitest'
import type { RunSystem } from '../../../job-image/db/record/run-systems.ts'
import { byFailing, orderSystems, whyNoFigures } from '../../../job-image/run-view/run-figures.ts'
import { jobRun } from '../../support/job-run.ts'

const system = (name: string, changes: Partial<RunSystem> = {}): RunSystem => ({
  system_id: 1,
  system: name,
  removed: false,
  state: 'done',
  error: null,
  pass: 1,
  fail: 0,
  insufficient_evidence: 0,
  unknown: 0,
  results_run_id: 7,
  decided_at: null,
  ...changes,
})

describe('systems in order', () => {
  const systems = [
    system('a', { decided_at: '2026-11-24 02:00:00' }),
    system('b', { insufficient_evidence: 1, unknown: 1, state: 'pending' }),
    system('c', { fail: 2, decided_at: '2026-11-24 02:00:00.5' }),
    system('d', { state: 'error', decided_at: '2026-11-24 02:00:00' }),
    system('e', { fail: 3 }),
  ]

  it.each([
    ['failing', ['d', 'e', 'c', 'b', 'a']],
    ['system', ['a', 'b', 'c', 'd', 'e']],
    ['latest', ['c', 'a', 'd', 'b', 'e']],
  ] as const)('%s: %j', (order, names) => {
    expect(orderSystems(systems, order).map((each) => each.system)).toEqual(names)
  })
})

it('of as many results that are not pass, more that fail come first', () => {
  const few = { fail: 1, insufficient_evidence: 0, unknown: 2 }
  const many = { fail: 2, insufficient_evidence: 1, unknown: 0 }
  expect(byFailing(few, many)).toBeGreaterThan(0)
  expect(byFailing(many, few)).toBeLessThan(0)
  expect(byFailing(many, { ...many, unknown: 1 })).toBeGreaterThan(0)
})

describe('a run without figures says why', () => {
  it.each([
    [{ run_key: null }, 'systems', 'run 7 was made by another program, which keeps no figures of systems'],
    [{ status: 'running' }, 'systems', 'run 7 is running and has no figures of systems yet'],
    [{}, 'systems', 'run 7 has no systems'],
    [{}, 'controls', 'run 7 has no figures of controls: it decided nothing, or is older than the table'],
  ] as const)('%j, %s', (changes, what, message) => {
    expect(whyNoFigures(jobRun(changes), what)).toContain(message)
  })
})
