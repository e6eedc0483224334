import { describe, expect, it } from 'vitest'
import { nextSlot } from '../../../../../operator/plan/slots/next-slot.ts'
import { NOW, at, schedule } from '../../fixtures.ts'

const everyTenMinutes = schedule({ schedule: '*/10 * * * *' })

describe('the next slot', () => {
  const next = (now: number, since = at(-86_400), last?: string) => {
    const found = nextSlot({ spec: everyTenMinutes.spec, since, last, now })
    return found.kind === 'at' ? at((found.time - NOW) / 1000) : found.kind
  }

  it('stays the one of just now until its Job is there, or ten seconds have passed', () => {
    expect(next(NOW - 1000)).toBe(at(0))
    expect(next(NOW + 5000)).toBe(at(0))
    expect(next(NOW + 5000, at(-86_400), at(0))).toBe(at(600))
    expect(next(NOW + 10_000)).toBe(at(600))
  })

  it('is never one of before the schedule', () => {
    expect(next(NOW + 5000, at(2))).toBe(at(600))
  })
})

describe('there is no next slot', () => {
  const kind = (spec: object) => nextSlot({ spec: schedule(spec).spec, since: '', last: undefined, now: NOW })

  it.each([
    ['of a suspended schedule', { suspend: true }, { kind: 'suspended' }],
    ['of one that never fires', { schedule: '0 0 30 2 *' }, { kind: 'never' }],
    [
      'in a zone that is not known here',
      { timeZone: 'Factory' },
      { kind: 'unknown', why: expect.stringContaining('Factory') as string },
    ],
  ])('%s', (_what, spec, expected) => {
    expect(kind(spec)).toEqual(expected)
  })

  it('but a start that is not known does not matter', () => {
    expect(kind({ schedule: '0 2 * * *' })).toEqual({ kind: 'at', time: NOW + 23 * 3_600_000 })
  })
})
