import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import type { LogLevel } from '../../../common/logging/levels.ts'
import { runReporter } from '../../../job-image/output/progress.ts'
import type { RunEvent } from '../../../job-image/run/options.ts'

function reporter(least?: LogLevel, isTTY = false) {
  const writes: string[] = []
  const output = {
    write: (text: string) => void writes.push(text),
    drained: async () => undefined,
    loss: undefined,
    isTTY,
  }
  const report = runReporter(output, least)
  return { report, writes, text: () => writes.join('') }
}
const summary = { runId: 7, status: 'success' } as RunSummary
const OPENED: RunEvent = { type: 'opened', runId: 7, attempt: 2, resumed: false, worker: 'w' }
const PLANNED: RunEvent = { type: 'planned', systems: 4, pending: 4, controls: 1 }

describe('the line of an event', () => {
  it.each<[RunEvent, LogLevel, string]>([
    [OPENED, 'info', 'started run 7 (attempt 2)'],
    [{ ...OPENED, resumed: true }, 'info', 'resuming run 7 (attempt 2)'],
    [PLANNED, 'info', '4 systems, 1 control'],
    [{ ...PLANNED, pending: 1 }, 'info', '4 systems, 1 control, 1 system left to do'],
    [{ type: 'progress', systems: 1, results: 2 }, 'debug', 'stored 1 system, 2 results'],
    [{ type: 'system-error', systemId: 3, error: 'no' }, 'warn', 'system 3 could not be evaluated: no'],
    [{ type: 'waiting', reason: 'r' }, 'info', 'waiting: r'],
    [{ type: 'retrying', error: 'e' }, 'warn', 'retrying: e'],
    [{ type: 'warning', message: 'm' }, 'warn', 'warning: m'],
    [{ type: 'closed', summary }, 'debug', 'run 7 ended (success)'],
    [{ type: 'left', summary }, 'debug', 'left run 7 (success)'],
  ])('%j has level %s', (event, level, line) => {
    const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
    for (const least of levels) {
      const { report, text } = reporter(least)
      report(event)
      const isPrinted = levels.indexOf(level) >= levels.indexOf(least)
      expect([least, text()]).toEqual([least, isPrinted ? `${line}\n` : ''])
    }
  })

  it('is not repeated, but that of a stored batch is', () => {
    const { report, writes } = reporter('debug')
    for (const reason of ['a', 'a', 'b', 'a']) report({ type: 'waiting', reason })
    expect(writes).toEqual(['waiting: a\n', 'waiting: b\n', 'waiting: a\n'])
    for (let n = 0; n < 2; n += 1) report({ type: 'progress', systems: 1, results: 1 })
    expect(writes.filter((text) => text.startsWith('stored'))).toHaveLength(2)
  })

  it('holds no secret and no control character', () => {
    const { report, text } = reporter()
    report.print('lost postgresql://u:canary@h/d\u001B[31m')
    report.print('debug only', 'debug')
    expect(text()).toMatch(/^lost postgresql:\/\/\*\*\*@h\/d.*\n$/)
    expect(text()).not.toContain('\u001B')
  })
})

describe('on a terminal', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 }))
  afterEach(() => void vi.useRealTimers())
  const CLEAR = '\r\u001B[2K'

  it('one line is redrawn with the share of systems, at most ten times a second', () => {
    const { report, writes } = reporter('info', true)
    report(OPENED)
    expect(writes).toEqual([`${CLEAR}started run 7 (attempt 2)\n`])
    report({ ...PLANNED, pending: 3 })
    expect(writes.at(-1)).toBe(`${CLEAR}25 % · 1 of 4 systems · 0 results`)
    vi.setSystemTime(1_000_099)
    report({ type: 'progress', systems: 1, results: 5 })
    expect(writes).toHaveLength(3)
    vi.setSystemTime(1_000_100)
    report({ type: 'progress', systems: 1, results: 5 })
    expect(writes.slice(3)).toEqual([`${CLEAR}75 % · 3 of 4 systems · 10 results`])
    report.done()
    expect(writes.at(-1)).toBe(CLEAR)
  })

  it('nothing is redrawn where only warnings are printed', () => {
    const { report, writes } = reporter('warn', true)
    report(PLANNED)
    report.done()
    expect(writes).toEqual([])
  })
})

it('outside of a terminal nothing is redrawn', () => {
  const { report, writes } = reporter()
  report(PLANNED)
  report({ type: 'progress', systems: 1, results: 1 })
  report.done()
  expect(writes).toEqual(['4 systems, 1 control\n'])
})
