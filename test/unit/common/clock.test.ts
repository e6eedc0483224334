import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { sleep, systemClock } from '../../../common/clock.ts'
import { fakeClock, settle } from '../operator/fake-clock.ts'

describe('the clock of the system', () => {
  afterEach(() => void vi.useRealTimers())

  it('has the time of day, and a monotonic time in milliseconds', () => {
    vi.useFakeTimers({ now: Date.parse('2026-11-24T02:00:00Z') })
    const from = systemClock.now()
    expect(systemClock.date().toISOString()).toBe('2026-11-24T02:00:00.000Z')
    vi.advanceTimersByTime(1_500)
    expect(systemClock.now() - from).toBe(1_500)
  })

  it('runs once after the delay, unless that is cancelled', () => {
    vi.useFakeTimers()
    const ran: string[] = []
    systemClock.after(1_000, () => ran.push('one'))
    const cancel = systemClock.after(1_000, () => ran.push('cancelled'))
    systemClock.after(-5, () => ran.push('overdue'))
    vi.advanceTimersByTime(999)
    cancel()
    expect(ran).toEqual(['overdue'])
    vi.advanceTimersByTime(10_000)
    expect(ran).toEqual(['overdue', 'one'])
  })

  it('cuts a delay to the longest one of a timer', () => {
    vi.useFakeTimers()
    let ran = false
    systemClock.after(2 ** 40, () => (ran = true))
    vi.advanceTimersByTime(2 ** 31 - 2)
    expect(ran).toBe(false)
    vi.advanceTimersByTime(1)
    expect(ran).toBe(true)
  })
})

describe('a sleep', () => {
  it('ends after its delay', async () => {
    const clock = fakeClock()
    let awake = false
    const sleeping = sleep(100, undefined, clock).then(() => (awake = true))
    await clock.advance(99)
    expect(awake).toBe(false)
    await clock.advance(1)
    await sleeping
  })

  it('ends at once when its signal aborts, and leaves no timer', async () => {
    const clock = fakeClock()
    const stop = new AbortController()
    const sleeping = sleep(100, stop.signal, clock)
    expect(clock.pending()).toBe(1)
    stop.abort()
    await sleeping
    expect(clock.pending()).toBe(0)
    await sleep(100, stop.signal, clock)
    expect(clock.pending()).toBe(0)
  })

  it('leaves no listener on a signal that lives longer', async () => {
    const clock = fakeClock()
    const { signal } = new AbortController()
    const sleeping = sleep(100, signal, clock)
    await clock.advance(100)
    await sleeping
    await settle()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})
