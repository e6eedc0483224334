import { describe, expect, it } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { expand, referenceProblem } from '../../../job-image/config/expand.ts'

const setting = (text: string) => ({
  text,
  problem: (message: string) => ({ message, file: 'config.yaml', line: 3, column: 5 }),
})
const expanded = (text: string, env: Record<string, string> = {}) => expand(setting(text), env)

describe('the variables of a setting', () => {
  it.each([
    ['plain $text {x}', {}, 'plain $text {x}'],
    ['${A}', { A: 'x' }, 'x'],
    ['${A}${B_2}', { A: 'x', B_2: 'y' }, 'xy'],
    ['${A}', { A: '' }, ''],
    ['${A}', { A: '${B}', B: 'never' }, '${B}'],
    ['${A}', { A: '$& $1' }, '$& $1'],
    ['$${A}', { A: 'x' }, '${A}'],
    ['$$${A}', { A: 'x' }, '$${A}'],
    ['${A:-d}', {}, 'd'],
    ['${A:-d}', { A: '' }, 'd'],
    ['${A:-d}', { A: 'x' }, 'x'],
    ['${A:-}', {}, ''],
    ['${A:-x:-y$z}', {}, 'x:-y$z'],
  ])('%s with %j is %s', (text, env, value) => {
    expect(expanded(text, env as Record<string, string>)).toBe(value)
  })

  it('must be set, or have a default; the place is named, the text is not', () => {
    const secret = () => expanded('secret-${A}')
    expect(secret).toThrow(InputError)
    expect(secret).toThrow(
      'config.yaml:3:5: the environment variable A is not set; set it, or write ${A:-default}',
    )
  })
})

it.each(['${', '${}', '${1A}', '${A-B}', '${A', 'x ${A } y', '${A:x}'])('%j is no reference', (text) => {
  expect(referenceProblem(text)).toBe(
    'a "${" that is not ${NAME} or ${NAME:-default}; write "$${" for the characters themselves',
  )
})

it.each(['', '$', '{A}', '$A', '${A}', '${_a9:-x}', '$${', '$${A}'])('%j is in order', (text) => {
  expect(referenceProblem(text)).toBeUndefined()
})
