import { expect, it } from 'vitest'
import { RateLimiter } from '../../../../operator/queue/rate-limiter.ts'

function setUp(perSecond: number) {
  const time = { now: 10_000 }
  return { time, limiter: new RateLimiter({ clock: { now: () => time.now }, perSecond }) }
}

it('admits a burst of one second, then one key per interval', () => {
  const { limiter } = setUp(4)
  const waits = Array.from({ length: 7 }, (_, index) => limiter.when(String(index)))
  expect(waits).toEqual([0, 0, 0, 0, 250, 500, 750])
})

it('keeps the reserved time of a key that is tried again', () => {
  const { limiter, time } = setUp(1)
  expect([limiter.when('a'), limiter.when('b'), limiter.when('c')]).toEqual([0, 1_000, 2_000])
  time.now += 400
  expect([limiter.when('c'), limiter.when('b')]).toEqual([1_600, 600])
  time.now += 600
  expect(limiter.when('b')).toBe(0)
})

it('reserves a new time for a forgotten key', () => {
  const { limiter } = setUp(1)
  limiter.when('a')
  limiter.when('b')
  limiter.forget('b')
  expect(limiter.when('b')).toBe(2_000)
})

it('has its burst again after a rest', () => {
  const { limiter, time } = setUp(2)
  for (const key of ['a', 'b', 'c', 'd']) limiter.when(key)
  time.now += 60_000
  expect(['e', 'f', 'g'].map((key) => limiter.when(key))).toEqual([0, 0, 500])
})
