import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latestSlot, latestSlots, slotSearch } from '../../../../../operator/plan/slots/slots.ts'
import type { SlotSearch } from '../../../../../operator/plan/slots/slots.ts'
import { NOW } from '../../fixtures.ts'

const rules = fc.record({
  schedule: fc.constantFrom(
    '* * * * *',
    '*/7 * * * *',
    '0 2 * * *',
    '* * * * 1',
    '* 3 1 * *',
    '30 2 29 2 *',
    '0 0 30 2 *',
    '0 0 1 1 *',
  ),
  timeZone: fc.constantFrom('Etc/UTC', 'Europe/Berlin', 'Pacific/Chatham', 'Factory'),
})

describe('however few the steps', () => {
  const spans = fc.tuple(rules, fc.nat(86_400_000 * 3), fc.nat(86_400_000 * 90))

  it('the newest slot is the one that a walk through all of them ends at', () => {
    fc.assert(
      fc.property(spans, ([rule, length, age]) => {
        const search = slotSearch(rule)
        if ('unknown' in search) return
        const [from, until] = [NOW - age - length, NOW - age]
        expect(latestSlot(search, from, until)).toBe(walked(search, from, until).at(-1))
      }),
    )
  })

  it('the newest slots are the end of such a walk, without a gap', () => {
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 60 }), ([rule, length, age], most) => {
        const search = slotSearch(rule)
        if ('unknown' in search) return
        const [from, until] = [NOW - age - length, NOW - age]
        const found = latestSlots(search, from, until, most)
        expect(found).toEqual(walked(search, from, until).slice(-found.length || Infinity))
      }),
    )
  })

  it('all of an hour are found, and a month of nights', () => {
    const minutely = slotSearch({ schedule: '* * * * *', timeZone: 'Etc/UTC' }) as SlotSearch
    expect(latestSlots(minutely, NOW - 40 * 60_000, NOW, 45)).toHaveLength(40)
    const nightly = slotSearch({ schedule: '0 2 * * *', timeZone: 'Etc/UTC' }) as SlotSearch
    expect(latestSlots(nightly, NOW - 30 * 86_400_000, NOW, 45).length).toBeGreaterThanOrEqual(20)
  })
})

function walked(search: SlotSearch, from: number, until: number): number[] {
  const found: number[] = []
  for (let at = search(from); at !== undefined && at <= until; at = search(at)) found.push(at)
  return found
}
