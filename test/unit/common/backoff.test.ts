import fc from 'fast-check'
import { expect, it } from 'vitest'
import { backoffDelay } from '../../../common/backoff.ts'

it('doubles with each failure, up to the longest delay', () => {
  const delays = [0, 1, 2, 3, 20].map((earlier) =>
    backoffDelay({ first: 100, longest: 700 }, earlier, () => 0),
  )
  expect(delays).toEqual([100, 200, 400, 700, 700])
})

it('is spread over the upper half of the delay', () => {
  fc.assert(
    fc.property(
      fc.nat(40),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (earlier, random) => {
        const full = backoffDelay({ first: 100, longest: 60_000 }, earlier, () => 0)
        const delay = backoffDelay({ first: 100, longest: 60_000 }, earlier, () => random)
        expect(delay).toBeGreaterThan(full / 2 - 1e-9)
        expect(delay).toBeLessThanOrEqual(full)
      },
    ),
  )
})
