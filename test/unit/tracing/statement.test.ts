import { describe, expect, it } from 'vitest'
import { describeStatement } from '../../../job-image/tracing/statement.ts'

describe('what a statement is about', () => {
  it.each([
    ['BEGIN', 'BEGIN'],
    ['\n  SELECT id FROM job_runs WHERE run_key = $1', 'SELECT job_runs'],
    ['INSERT INTO job_runs (a) VALUES ($1)', 'INSERT job_runs'],
    ['UPDATE run_records s SET state = $1 FROM job_runs', 'UPDATE run_records'],
    ['COPY validation_results\n  (system_id) FROM STDIN', 'COPY validation_results'],
    ['SELECT * FROM unnest($1::int[]) AS t', 'SELECT'],
    ['SET LOCAL lock_timeout TO 5000', 'SET'],
    ['', 'SQL'],
  ])('%j: %s', (text, summary) => {
    expect(describeStatement(text).summary).toBe(summary)
  })
})

it('has an operation and the first table that it names', () => {
  const table = (text: string) => describeStatement(text).table
  expect(describeStatement('select 1')).toEqual({ operation: 'SELECT', table: undefined, summary: 'SELECT' })
  expect(table('DELETE FROM ONLY public.systems WHERE id = 1')).toBe('public.systems')
  expect(table('TRUNCATE TABLE runs')).toBe('runs')
  expect(table('SELECT * FROM (SELECT 1)')).toBeUndefined()
  expect(table('SELECT now() FROM generate_series(1, 2) JOIN x')).toBeUndefined()
})
