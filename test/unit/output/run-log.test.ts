import { describe, expect, it } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { createLogger } from '../../../common/logging/logger.ts'
import { runLog } from '../../../job-image/output/run-log.ts'
import type { RunEvent } from '../../../job-image/run/options.ts'

function logOf() {
  let text = ''
  const log = runLog(
    createLogger({ write: (line) => (text += line) }, { level: 'debug', format: 'json' }).child({
      run_key: 'k',
    }),
  )
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { ...log, lines }
}
const OPENED: RunEvent = { type: 'opened', runId: 7, attempt: 2, resumed: false, worker: 'w' }
const SUMMARY = {
  runId: 7,
  status: 'success',
  verdict: 'Findings',
  reason: 'ControlsNotPassed',
  message: 'some are not pass',
  counts: { systems: 1 },
} as unknown as RunSummary

describe('the lines of a run', () => {
  it.each<[RunEvent, object]>([
    [OPENED, { level: 'debug', msg: 'run opened' }],
    [
      { type: 'planned', systems: 4, pending: 3, controls: 2 },
      { level: 'info', msg: 'run started', systems: 4, pending: 3, controls: 2 },
    ],
    [
      { type: 'progress', systems: 1, results: 5 },
      { level: 'debug', msg: 'batch stored', systems: 1, results: 5 },
    ],
    [
      { type: 'system-error', systemId: 3, error: 'no' },
      { level: 'warn', msg: 'system could not be evaluated', system_id: 3, error: 'no' },
    ],
    [
      { type: 'waiting', reason: 'r' },
      { level: 'info', msg: 'waiting', reason: 'r' },
    ],
    [
      { type: 'retrying', error: 'e' },
      { level: 'warn', msg: 'retrying after backoff', error: 'e' },
    ],
    [
      { type: 'warning', message: 'm' },
      { level: 'warn', msg: 'm' },
    ],
    [
      { type: 'closed', summary: SUMMARY },
      { level: 'debug', msg: 'run ended', status: 'success' },
    ],
    [
      { type: 'left', summary: SUMMARY },
      { level: 'debug', msg: 'run left', status: 'success' },
    ],
  ])('%j', (event, line) => {
    const { observer, lines } = logOf()
    observer(event)
    expect(lines()).toMatchObject([{ run_key: 'k', ...line }])
  })

  it('have its number, attempt and worker once it is opened', () => {
    const { observer, lines } = logOf()
    observer({ type: 'waiting', reason: 'r' })
    observer({ ...OPENED, resumed: true })
    observer({ type: 'planned', systems: 4, pending: 3, controls: 2 })
    const known = { run_id: 7, attempt: 2, worker: 'w', run_key: 'k' }
    expect(lines()[0]).not.toHaveProperty('run_id')
    expect(lines().slice(1)).toMatchObject([known, { ...known, msg: 'run resumed' }])
  })

  it('of waiting, retrying and warnings are not repeated', () => {
    const { observer, lines } = logOf()
    for (const reason of ['a', 'a', 'b']) observer({ type: 'waiting', reason })
    for (let n = 0; n < 2; n += 1) observer({ type: 'warning', message: 'm' })
    expect(lines().map(({ msg, reason }) => reason ?? msg)).toEqual(['a', 'b', 'm'])
  })
})

describe('the end of a run', () => {
  it('has its verdict, its counts and its time', () => {
    const { observer, lines, ...log } = logOf()
    observer(OPENED)
    log.ended({ ...SUMMARY, scope: { digest: 'd', text: 't' } })
    expect(lines()[1]).toMatchObject({
      level: 'info',
      msg: 'some are not pass',
      run_id: 7,
      status: 'success',
      verdict: 'Findings',
      reason: 'ControlsNotPassed',
      scope: { digest: 'd', text: 't' },
      counts: { systems: 1 },
      seconds: expect.any(Number) as number,
    })
  })

  it('has the number of a run that was not opened, and no scope where there is none', () => {
    const { lines, ...log } = logOf()
    log.ended(SUMMARY)
    expect(lines()[0]).toMatchObject({ run_id: 7 })
    expect(lines()[0]).not.toHaveProperty('scope')
  })

  it('is an error where the run failed, or this process could not complete it', () => {
    const { lines, ...log } = logOf()
    log.ended({ ...SUMMARY, status: 'failed' })
    log.failed(new Error('lost'), { retry: 1 })
    expect(lines()).toMatchObject([
      { level: 'error', status: 'failed' },
      { level: 'error', msg: 'run failed', error: 'lost', retry: 1, seconds: expect.any(Number) as number },
    ])
  })
})
