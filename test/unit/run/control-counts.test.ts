import { expect, it } from 'vitest'
import { Tally } from '../../../job-image/run/control-counts.ts'

it('counts by control and status, and leaves out controls without any', () => {
  const controls = [{ id: 11 }, { id: 12 }, { id: 13 }]
  const run = new Tally(controls.length)
  const batch = new Tally(controls.length)
  batch.add(0, 'pass')
  batch.add(0, 'unknown')
  batch.add(2, 'insufficient_evidence')
  expect(run.counts(controls)).toEqual([])
  run.addAll(batch)
  run.addAll(batch)
  run.add(2, 'fail')
  expect(run.counts(controls)).toEqual([
    [11, 2, 0, 0, 2],
    [13, 0, 1, 2, 0],
  ])
})
