import { describe, expect, it } from 'vitest'
import {
  NOTHING_OBSERVED,
  needsBackoff,
  withRefusedRun,
  withRefusedSuspension,
} from '../../../../../operator/plan/inputs/live-reads.ts'
import type { CronJobWrite, Observed } from '../../../../../operator/plan/inputs/live-reads.ts'
import { NOW } from '../../fixtures.ts'

describe('a refusal', () => {
  it.each<[CronJobWrite, object]>([
    [
      { kind: 'refused', message: 'm' },
      { message: 'm', recheckAt: NOW + 60_000 },
    ],
    [
      { kind: 'forbidden', message: 'm', recheckAt: NOW + 7 },
      { message: 'm', recheckAt: NOW + 60_000 },
    ],
    [{ kind: 'failing', message: 'm' }, { message: 'm' }],
    [
      { kind: 'namespaceTerminating' },
      { message: 'the namespace is being deleted', recheckAt: NOW + 60_000 },
    ],
  ])('of kind %j is tried again', (write, refusal) => {
    const known = { ...NOTHING_OBSERVED, cronJob: null }
    expect(withRefusedRun(known, write, NOW)).toEqual({ ...known, run: refusal })
    expect(withRefusedSuspension(known, write, NOW)).toEqual({ ...known, suspension: refusal })
  })
})

describe('backoff is needed', () => {
  const LATER = { message: 'm', recheckAt: NOW }
  it.each<[Partial<Observed>, boolean]>([
    [{}, false],
    [{ write: { kind: 'failing', message: 'm' } }, true],
    [{ write: { kind: 'refused', message: 'm' } }, false],
    [{ run: LATER, suspension: LATER }, false],
    [{ run: { message: 'm' } }, true],
    [{ suspension: { message: 'm' } }, true],
    [{ run: LATER, suspension: { message: 'm' } }, true],
  ])('with %j: %j', (observed, needed) => {
    expect(needsBackoff({ ...NOTHING_OBSERVED, ...observed })).toBe(needed)
  })
})
