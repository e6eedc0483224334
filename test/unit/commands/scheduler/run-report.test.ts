import { describe, expect, test } from 'vitest'
import { openRunReport } from '../../../../job-image/commands/scheduler/run-report.ts'
import type { RunReport } from '../../../../job-image/commands/scheduler/run-report.ts'
import { InputError } from '../../../../job-image/errors.ts'
import { failureSummary } from '../../../../job-image/run/summary.ts'
import { collectOutput } from '../../../support/run-command.ts'

const SUMMARY = failureSummary('key', 'production', new Error('broken'), undefined)

/** A report of this format, with what it has written: to its log, and to the terminal. */
async function open(format: 'json' | 'text', level: 'debug' | 'info' | 'warn' | 'error' = 'info') {
  const output = collectOutput()
  const stderr = collectOutput()
  const report = await openRunReport({ level, format, output }, { run_key: 'key' }, { stderr })
  const lines = () => output.text.split('\n').filter((line) => line !== '')
  return { report, stderr, log: () => lines().map((line) => JSON.parse(line) as object) }
}

const failed = (report: RunReport, error: Error): unknown => {
  try {
    return report.failed(error)
  } catch (thrown) {
    return thrown
  }
}

describe('a report of JSON lines', () => {
  test('has what is known of the run in each line', async () => {
    const { report, log, stderr } = await open('json')
    report.info('migrated')
    report.warn('slow')
    expect(log()).toMatchObject([
      { level: 'info', msg: 'migrated', run_key: 'key' },
      { level: 'warn', msg: 'slow', run_key: 'key' },
    ])
    expect(stderr.text).toBe('')
  })

  test('reports the end of a run, and a failure with its exit code', async () => {
    const { report, log } = await open('json')
    expect(report.ended(SUMMARY)).toBe(true)
    expect(log()).toMatchObject([{ run_key: 'key', verdict: SUMMARY.verdict }])
    const error = new InputError('bad input')
    expect(failed(report, error)).toBe(2)
    expect(log()[1]).toMatchObject({ level: 'error', error: 'bad input' })
  })

  test('leaves out lines below its level', async () => {
    const { report, log } = await open('json', 'warn')
    report.info('migrated')
    report.warn('slow')
    expect(log()).toHaveLength(1)
  })
})

describe('a report for people', () => {
  test('is written to the terminal, with warnings marked', async () => {
    const { report, log, stderr } = await open('text')
    report.info('migrated')
    report.warn('slow')
    expect(stderr.text).toBe('migrated\nwarning: slow\n')
    expect(log()).toEqual([])
  })

  test('leaves the outcome and an error to the command', async () => {
    const { report } = await open('text')
    expect(report.ended(SUMMARY)).toBe(false)
    const error = new Error('broken')
    expect(failed(report, error)).toBe(error)
  })

  test('has warnings only at level warn', async () => {
    const { report, stderr } = await open('text', 'warn')
    report.info('migrated')
    report.warn('slow')
    expect(stderr.text).toBe('warning: slow\n')
  })
})
