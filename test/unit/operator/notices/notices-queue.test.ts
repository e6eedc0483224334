import fc from 'fast-check'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { cloudEvent } from '../../../../common/webhook/cloud-event.ts'
import { DeliveryError } from '../../../../common/webhook/failure.ts'
import { createLogger } from '../../../../common/logging/logger.ts'
import { NoticeQueue } from '../../../../operator/notices/notices-queue.ts'
import type { NoticeQueueOptions } from '../../../../operator/notices/notices-queue.ts'
import { fakeClock, settle } from '../fake-clock.ts'

const event = (id: string) =>
  cloudEvent({ source: ['x'], id, type: 'run.errored', subject: 'jobs/x', time: '', data: null })

const away = new DeliveryError('hooks.example: refused the connection')

/** `answer` says what becomes of a try: an error, or a promise of it. */
function setUp(
  answer: (id: string, attempt: number) => unknown = () => undefined,
  options: Partial<NoticeQueueOptions> = {},
) {
  const clock = fakeClock()
  const tries: string[] = []
  const results: string[] = []
  const lines: string[] = []
  let leads = true
  let inFlight = 0
  let most = 0
  const queue = new NoticeQueue({
    send: async ({ id }) => {
      tries.push(id)
      most = Math.max(most, (inFlight += 1))
      const said = await answer(id, tries.filter((each) => each === id).length)
      inFlight -= 1
      if (said instanceof Error) throw said
    },
    isLeader: () => leads,
    onResult: (result) => results.push(result),
    log: createLogger(
      new Writable({ write: (chunk, _encoding, done) => (lines.push(String(chunk)), done()) }),
      {
        level: 'debug',
        format: 'json',
      },
    ),
    clock,
    random: () => 0,
    ...options,
  })
  const add = (...ids: string[]): void => {
    for (const id of ids) queue.add('ns/nightly', event(id))
  }
  return {
    queue,
    clock,
    tries,
    results,
    add,
    lines,
    lead: (value: boolean) => (leads = value),
    most: () => most,
  }
}

describe('the queue of notices', () => {
  it('sends each once that is taken at once', async () => {
    const { add, clock, tries, results, lines } = setUp()
    add('a', 'b', 'c')
    await clock.advance(600_000)
    expect([tries, results, lines]).toEqual([['a', 'b', 'c'], ['sent', 'sent', 'sent'], []])
  })

  it('tries again for five minutes, ever more seldom, and then says so once', async () => {
    const { add, clock, tries, results, lines } = setUp(() => away)
    add('a')
    await clock.advance(299_999)
    expect(results).toEqual([])
    await clock.advance(60_001)
    expect(results).toEqual(['failed'])
    expect(tries.length).toBeGreaterThan(6)
    expect(tries.length).toBeLessThan(15)
    expect(clock.pending()).toBe(0)
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'warn', reason: away.message },
      { level: 'warn', schedule: 'ns/nightly', notice: 'a', tries: tries.length, reason: away.message },
    ])
  })

  it('says when it begins to fail and when that is over, and keeps to what a receiver asks for', async () => {
    const busy = new DeliveryError('hooks.example: answered 429', { retryAfter: 100_000 })
    const { add, clock, tries, results, lines } = setUp((_id, attempt) => (attempt === 1 ? busy : undefined))
    add('a')
    await clock.advance(99_000)
    expect(tries).toHaveLength(1)
    await clock.advance(1_000)
    expect(results).toEqual(['sent'])
    expect(lines).toHaveLength(2)
  })

  it('waits for no receiver longer than five minutes, whatever it asks for', async () => {
    const busy = new DeliveryError('hooks.example: answered 429', { retryAfter: 3_600_000 })
    const { add, clock, tries, results } = setUp(() => busy)
    add('a')
    await clock.advance(300_000)
    expect([tries.length, results]).toEqual([2, ['failed']])
  })

  it('lets others pass one that is never taken', async () => {
    const { add, clock, results } = setUp((id) => (id === 'poison' ? away : undefined))
    add('poison', 'a', 'b', 'c')
    await clock.advance(2_000)
    expect(results).toEqual(['sent', 'sent', 'sent'])
  })

  it('asks a receiver that does not take anything for one at a time', async () => {
    const { add, clock, tries, most } = setUp(() => new Promise(() => {}))
    add('a', 'b', 'c', 'd')
    await clock.advance(1_000)
    expect([tries.length, most()]).toEqual([2, 2])
    const failing = setUp(async () => {
      await settle()
      return away
    })
    failing.add('a')
    await failing.clock.advance(100)
    failing.add('b', 'c', 'd')
    await failing.clock.advance(60_000)
    expect(failing.tries.length).toBeGreaterThan(8)
    expect(failing.most()).toBe(1)
  })

  it('holds one of an id, and so many altogether', async () => {
    const { add, results, tries, lines } = setUp(() => new Promise(() => {}), { capacity: 3 })
    add('a', 'a', 'b', 'c', 'd', 'e')
    await settle()
    expect([tries, results]).toEqual([
      ['a', 'b'],
      ['failed', 'failed'],
    ])
    expect(lines.join('')).toContain('3 others wait')
  })

  it('sends nothing while it is not sure to lead, nor what another leader sends', async () => {
    const { add, clock, tries, lead, queue } = setUp()
    lead(false)
    add('a')
    await clock.advance(5_000)
    expect(tries).toEqual([])
    lead(true)
    await clock.advance(1_000)
    expect(tries).toEqual(['a'])
    lead(false)
    add('b')
    queue.clear()
    lead(true)
    await clock.advance(600_000)
    expect(tries).toEqual(['a'])
    // And can be told again.
    add('b')
    await settle()
    expect(tries).toEqual(['a', 'b'])
  })

  it('counts nothing of a try that was on its way when its term ended', async () => {
    const { promise, resolve } = Promise.withResolvers<Error>()
    const { add, clock, results, queue } = setUp(() => promise)
    add('a')
    queue.clear()
    resolve(away)
    await clock.advance(600_000)
    expect(results).toEqual([])
  })

  it('in the end waits for what is due and for no one for long, and takes nothing more', async () => {
    const quick = setUp()
    quick.add('a', 'b', 'c')
    await quick.queue.drain(2_000)
    expect(quick.results).toHaveLength(3)
    const slow = setUp(() => new Promise(() => {}))
    slow.add('a')
    const drained = slow.queue.drain(2_000)
    await slow.clock.advance(2_000)
    await drained
    slow.add('b')
    expect(slow.tries).toEqual(['a'])
    await setUp().queue.drain(2_000)
  })

  it('logs nothing of an error that is not ours', async () => {
    const { add, lines } = setUp(() => new Error('POST https://hooks.example/canary failed'))
    add('a')
    await settle()
    expect(lines).toHaveLength(1)
    expect(lines.join('')).not.toContain('canary')
  })

  it('whatever the receiver does: each notice is sent or failed in the end, and none twice', async () => {
    const answers = fc.array(fc.constantFrom<unknown>(undefined, away, new Error('other')), {
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(answers, fc.integer({ min: 1, max: 8 }), async (script, count) => {
        let at = 0
        const { add, clock, results, tries } = setUp(() => script[at++])
        add(...Array.from({ length: count }, (_, index) => String(index)))
        await clock.advance(1_000_000)
        expect(results).toHaveLength(count)
        expect(new Set(tries).size).toBe(count)
        expect(clock.pending()).toBe(0)
      }),
      { numRuns: 50 },
    )
  })
})
