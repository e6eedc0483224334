import { expect, it } from 'vitest'
import { Pace } from '../../../../operator/queue/pace.ts'

function setUp(perSecond: number) {
  const time = { now: 10_000 }
  return { time, pace: new Pace({ clock: { now: () => time.now }, perSecond }) }
}

it('lets a burst of one second through, then one key per interval', () => {
  const { pace } = setUp(4)
  const waits = Array.from({ length: 7 }, (_, index) => pace.take(String(index)))
  expect(waits).toEqual([0, 0, 0, 0, 250, 500, 750])
})

it('keeps the turn of a key that asks again', () => {
  const { pace, time } = setUp(1)
  expect([pace.take('a'), pace.take('b'), pace.take('c')]).toEqual([0, 1_000, 2_000])
  time.now += 400
  expect([pace.take('c'), pace.take('b')]).toEqual([1_600, 600])
  time.now += 600
  expect(pace.take('b')).toBe(0)
})

it('gives a forgotten key a new turn', () => {
  const { pace } = setUp(1)
  pace.take('a')
  pace.take('b')
  pace.forget('b')
  expect(pace.take('b')).toBe(2_000)
})

it('has its burst again after a rest', () => {
  const { pace, time } = setUp(2)
  for (const key of ['a', 'b', 'c', 'd']) pace.take(key)
  time.now += 60_000
  expect(['e', 'f', 'g'].map((key) => pace.take(key))).toEqual([0, 0, 500])
})
