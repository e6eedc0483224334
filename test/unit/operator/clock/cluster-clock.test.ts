import { describe, expect, it } from 'vitest'
import { ClusterClock } from '../../../../operator/clock/cluster-clock.ts'
import { fakeClock } from '../fake-clock.ts'

const TRUTH = new Date('2026-11-24T02:00:00Z')

/** On a machine whose clock is off by so many seconds. */
function setUp(seconds: number) {
  const own = fakeClock(new Date(TRUTH.getTime() + seconds * 1000))
  const clock = new ClusterClock(own)
  return {
    own,
    clock,
    off: () => (clock.date().getTime() - own.now() - (TRUTH.getTime() - 5_000_000)) / 1000,
  }
}

describe("the cluster's clock", () => {
  it.each([-3600, 3600, 86_400 * 3650])(
    'is that of the API server where the own is %d s off',
    async (seconds) => {
      const { own, clock, off } = setUp(seconds)
      expect(off()).toBe(seconds)
      clock.observe(TRUTH.toUTCString())
      expect(off()).toBe(0)
      await own.advance(10_000)
      expect(off()).toBe(0)
    },
  )

  it.each([-29, 0, 29])(
    'is the own one where that is %d s off: answers come late, and in whole seconds',
    (seconds) => {
      const { clock, off } = setUp(seconds)
      clock.observe(TRUTH.toUTCString())
      expect(off()).toBe(seconds)
    },
  )

  it('is the own one where an answer has no date', () => {
    const { clock, off } = setUp(3600)
    clock.observe('yesterday')
    expect(off()).toBe(3600)
  })
})
