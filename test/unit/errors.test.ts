import { describe, expect, test } from 'vitest'
import { InputError, InterruptedError, RunError, exitCodeOf, formatProblem } from '../../job-image/errors.ts'

describe('a problem', () => {
  test.each([
    [{ message: 'm' }, 'm'],
    [{ message: 'm', file: 'a.yaml' }, 'a.yaml: m'],
    [{ message: 'm', file: 'a.yaml', line: 3 }, 'a.yaml:3: m'],
    [{ message: 'm', file: 'a.yaml', line: 3, column: 7 }, 'a.yaml:3:7: m'],
  ])('%j is shown as "%s"', (problem, text) => {
    expect(formatProblem(problem)).toBe(text)
  })
})

describe('an error of the input', () => {
  test('has one problem for a text or an object', () => {
    expect(new InputError('m').problems).toEqual([{ message: 'm' }])
    expect(new InputError({ message: 'm', file: 'a' }).problems).toEqual([{ message: 'm', file: 'a' }])
  })

  test('has a line for each of its problems, and keeps its cause', () => {
    const cause = new Error('x')
    const error = new InputError([{ message: 'm', file: 'a', line: 1 }, { message: 'n' }], { cause })
    expect(error.message).toBe('a:1: m\nn')
    expect(error.problems).toHaveLength(2)
    expect(error.cause).toBe(cause)
  })
})

test.each([
  [new InputError('m'), 'InputError', 2],
  [new InterruptedError('m'), 'InterruptedError', 143],
  [new RunError('m'), 'RunError', 1],
  [new TypeError('m'), 'TypeError', 1],
])('%s is named %s and ends the process with exit code %i', (error, name, code) => {
  expect(error.name).toBe(name)
  expect(exitCodeOf(error)).toBe(code)
})

test('a thrown value that is no error ends the process with exit code 1', () => {
  expect(exitCodeOf('m')).toBe(1)
})
