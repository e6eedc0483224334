import { expect, it } from 'vitest'
import { RepeatedWrites } from '../../../../operator/reconcile/repeated-writes.ts'

it('counts repeats of the same content within a minute, by key', () => {
  const writes = new RepeatedWrites()
  const note = (now: number, content = 'a', key = 'ns/one') => writes.note(key, content, now)
  expect([0, 1_000, 2_000].map((now) => note(now))).toEqual([0, 1, 2])
  expect(note(2_000, 'a', 'ns/two')).toBe(0)
  expect([3_000, 4_000].map((now) => note(now, 'b'))).toEqual([0, 1])
  expect(note(5_000)).toBe(0)
})

it('counts no repeat of a minute ago', () => {
  const writes = new RepeatedWrites()
  const counts = [0, 1_000, 60_999, 61_000, 121_000].map((now) => writes.note('k', 'a', now))
  expect(counts).toEqual([0, 1, 2, 2, 1])
})

it('knows nothing of a key that was forgotten', () => {
  const writes = new RepeatedWrites()
  writes.note('k', 'a', 0)
  writes.forget('k')
  expect(writes.note('k', 'a', 1)).toBe(0)
})
