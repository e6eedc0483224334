import { describe, expect, test } from 'vitest'
import { WorkQueue } from '../../../../operator/queue/queue.ts'
import { fakeClock, settle } from '../fake-clock.ts'

type Work = { readonly key: string; finish(error?: Error): void }

/** A queue whose work ends when the test says so. */
function setUp({ workers = 2, random = 0 } = {}) {
  const clock = fakeClock()
  const started: Work[] = []
  const errors: unknown[] = []
  const queue = new WorkQueue({
    workers,
    clock,
    random: () => random,
    handle: (key) =>
      new Promise<void>((resolve, reject) => {
        started.push({ key, finish: (error) => (error === undefined ? resolve() : reject(error)) })
      }),
    onError: (_key, error) => errors.push(error),
  })
  queue.start()
  const keys = (): string[] => started.map(({ key }) => key)
  const finish = async (index: number, error?: Error): Promise<void> => {
    started[index]?.finish(error)
    await settle()
  }
  return { clock, queue, keys, finish, errors }
}

describe('the work queue', () => {
  test('works in order, as many keys at a time as there are workers', async () => {
    const { queue, keys, finish } = setUp()
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
    await settle()
    expect(keys()).toEqual(['a', 'b'])
    expect([queue.depth, queue.running]).toEqual([2, 2])
    await finish(1)
    expect(keys()).toEqual(['a', 'b', 'c'])
  })

  test('a key that waits is not added twice', async () => {
    const { queue, keys, finish } = setUp({ workers: 1 })
    for (const key of ['a', 'b', 'b', 'b']) queue.add(key)
    await settle()
    await finish(0)
    await finish(1)
    expect(keys()).toEqual(['a', 'b'])
  })

  test('a key that is worked on runs once more afterwards, never beside itself', async () => {
    const { queue, keys, finish } = setUp()
    queue.add('a')
    await settle()
    for (let times = 0; times < 10; times++) queue.add('a')
    await settle()
    expect(keys()).toEqual(['a'])
    await finish(0)
    expect(keys()).toEqual(['a', 'a'])
    await finish(1)
    expect(keys()).toEqual(['a', 'a'])
  })

  test('nothing runs before start, and nothing added before is lost', async () => {
    const ran: string[] = []
    const queue = new WorkQueue({
      workers: 1,
      handle: async (key) => void ran.push(key),
      onError: () => undefined,
    })
    queue.add('a')
    await settle()
    expect(ran).toEqual([])
    queue.start()
    await settle()
    expect(ran).toEqual(['a'])
  })

  test('addAfter keeps the earliest time', async () => {
    const { clock, queue, keys } = setUp()
    queue.addAfter('a', 5_000)
    queue.addAfter('a', 2_000)
    queue.addAfter('a', 9_000)
    await clock.advance(1_999)
    expect(keys()).toEqual([])
    await clock.advance(1)
    expect(keys()).toEqual(['a'])
    await clock.advance(60_000)
    expect(clock.pending()).toBe(0)
  })

  test('what a server wants to be left alone with waits, whatever happens to it meanwhile', async () => {
    const { clock, queue, keys, finish } = setUp()
    queue.add('a')
    await settle()
    queue.add('a')
    queue.retry('a', 5_000)
    await finish(0)
    queue.add('a')
    queue.addAfter('a', 1_000)
    await clock.advance(4_999)
    expect(keys()).toEqual(['a'])
    await clock.advance(1)
    expect(keys()).toEqual(['a', 'a'])
    queue.forget('a')
    await finish(1)
    queue.add('a')
    await settle()
    expect(keys()).toEqual(['a', 'a', 'a'])
  })

  test('addAfter of nothing, or of the past, is add', async () => {
    const { queue, keys } = setUp()
    queue.addAfter('a', 0)
    queue.addAfter('b', -5)
    await settle()
    expect(keys()).toEqual(['a', 'b'])
  })

  test('a wait longer than setTimeout can count does not fire at once', async () => {
    const ran: string[] = []
    const queue = new WorkQueue({
      workers: 1,
      handle: async (key) => void ran.push(key),
      onError: () => undefined,
    })
    queue.start()
    queue.addAfter('in a year', 366 * 86_400_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(ran).toEqual([])
    await queue.drain()
  })

  test('retries wait twice as long each time, up to a minute, until the key is forgotten', async () => {
    const { clock, queue, keys, finish } = setUp()
    const waits: number[] = []
    for (let round = 0; round < 12; round++) {
      queue.retry('a')
      const before = keys().length
      let waited = 0
      while (keys().length === before) {
        await clock.advance(100)
        waited += 100
      }
      waits.push(waited)
      await finish(before)
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000])
    queue.forget('a')
    queue.retry('a')
    await clock.advance(100)
    expect(keys()).toHaveLength(13)
  })

  test('a wait is up to a half shorter, by chance', async () => {
    const early = setUp({ random: 0.999 })
    early.queue.retry('a')
    await early.clock.advance(51)
    expect(early.keys()).toEqual(['a'])
    const late = setUp({ random: 0 })
    late.queue.retry('a')
    await late.clock.advance(99)
    expect(late.keys()).toEqual([])
    await late.clock.advance(1)
    expect(late.keys()).toEqual(['a'])
  })

  test('a retry waits at least as long as the server asks', async () => {
    const { clock, queue, keys } = setUp()
    queue.retry('a', 7_000)
    await clock.advance(6_999)
    expect(keys()).toEqual([])
    await clock.advance(1)
    expect(keys()).toEqual(['a'])
  })

  test('work that throws is reported and tried again; the worker lives on', async () => {
    const { clock, queue, keys, finish, errors } = setUp({ workers: 1 })
    queue.add('a')
    queue.add('b')
    await settle()
    await finish(0, new Error('a bug'))
    expect(errors).toEqual([new Error('a bug')])
    expect(keys()).toEqual(['a', 'b'])
    await finish(1)
    await clock.advance(150)
    expect(keys()).toEqual(['a', 'b', 'a'])
  })

  test('drain finishes the work at hand and takes no more', async () => {
    const { clock, queue, keys, finish } = setUp({ workers: 1 })
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 10)
    await settle()
    queue.add('a')
    let drained = false
    const done = queue.drain().then(() => (drained = true))
    queue.add('d')
    queue.addAfter('e', 10)
    await clock.advance(1_000)
    expect(drained).toBe(false)
    await finish(0)
    await done
    expect(keys()).toEqual(['a'])
    expect(clock.pending()).toBe(0)
  })

  test('drain of an idle queue resolves', async () => {
    await expect(setUp().queue.drain()).resolves.toBeUndefined()
  })

  test('ten thousand keys', async () => {
    const ran: string[] = []
    const queue = new WorkQueue({
      workers: 8,
      handle: async (key) => void ran.push(key),
      onError: () => undefined,
    })
    queue.start()
    for (let index = 0; index < 10_000; index++) queue.add(String(index))
    await settle()
    await queue.drain()
    expect(new Set(ran).size).toBe(10_000)
  })

  describe('a postponed key', () => {
    test('waits until no other key waits or is worked on', async () => {
      const { queue, keys, finish } = setUp({ workers: 1 })
      queue.add('a')
      await settle()
      queue.postpone('low')
      queue.add('b')
      expect([queue.depth, queue.isBusy]).toEqual([2, true])
      await finish(0)
      expect([queue.depth, queue.isBusy]).toEqual([1, false])
      await finish(1)
      expect(keys()).toEqual(['a', 'b', 'low'])
    })

    test('is handled once in each interval by a queue that never empties', async () => {
      const { queue, keys, finish, clock } = setUp({ workers: 1 })
      for (let index = 0; index < 30; index++) queue.add(String(index))
      for (const key of ['low', 'lower']) queue.postpone(key)
      await settle()
      for (let index = 0; index < 5; index++) await finish(index)
      await clock.advance(500)
      for (let index = 5; index < 10; index++) await finish(index)
      await clock.advance(500)
      for (let index = 10; index < 15; index++) await finish(index)
      expect([keys().indexOf('low'), keys().indexOf('lower')]).toEqual([6, 11])
    })

    test('is not starved by a key whose handler hangs', async () => {
      const { queue, keys, clock } = setUp({ workers: 3 })
      queue.add('hangs')
      await settle()
      for (const key of ['low', 'lower']) queue.postpone(key)
      await clock.advance(499)
      expect(keys()).toEqual(['hangs'])
      await clock.advance(1)
      expect(keys()).toEqual(['hangs', 'low'])
      await clock.advance(500)
      expect(keys()).toEqual(['hangs', 'low', 'lower'])
    })

    test('that is handled itself does not keep others from their turn', async () => {
      const { queue, keys, clock } = setUp({ workers: 3 })
      queue.add('a')
      await settle()
      queue.postpone('a')
      await clock.advance(1_000)
      queue.add('b')
      await settle()
      expect(keys()).toEqual(['a', 'b'])
    })

    test('becomes a normal one when it is added', async () => {
      const { queue, keys, finish } = setUp({ workers: 1 })
      queue.add('a')
      await settle()
      for (const key of ['first', 'second']) queue.postpone(key)
      queue.add('second')
      queue.postpone('second')
      for (const index of [0, 1, 2]) await finish(index)
      expect(keys()).toEqual(['a', 'second', 'first'])
    })

    test('is worked on by all workers when nothing else waits', async () => {
      const { queue, keys } = setUp({ workers: 3 })
      for (const key of ['a', 'b', 'c']) queue.postpone(key)
      await settle()
      expect(keys()).toEqual(['a', 'b', 'c'])
    })

    test('waits for its own end, and for that of others', async () => {
      const { queue, keys, finish } = setUp({ workers: 3 })
      for (const key of ['a', 'b']) queue.add(key)
      await settle()
      expect(queue.isBusy).toBe(true)
      for (const key of ['a', 'c']) queue.postpone(key)
      await settle()
      await finish(0)
      expect(queue.isBusy).toBe(false)
      expect(keys()).toEqual(['a', 'b'])
      await finish(1)
      expect(keys()).toEqual(['a', 'b', 'a', 'c'])
    })
  })
})
