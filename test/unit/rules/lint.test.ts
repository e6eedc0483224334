import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lintPacks } from '../../../job-image/rules/lint.ts'
import { createFolder } from '../../support/run-command.ts'

const folder = createFolder()
const file = (name: string, text: string): string => join(folder.path, folder.write(name, text))

const good = file('good.yaml', 'name: good\ncontrols: { AC-5: { required_all: [a] } }\n')
const bad = file('bad.yaml', 'name: bad\ncontrols: { AC-5: { required_all: [] } }\ncolour: red\n')
// Good alone; the built-in pack requires AC-2 for AC-3.
const cyclic = file('cyclic.yaml', 'name: cyclic\nprerequisites: [{ control: AC-2, requires: AC-3 }]\n')
const missing = join(folder.path, 'missing.yaml')

/** The names of the good packs, and the file of each problem. */
function lint(...files: string[]): { good: string[]; problems: (string | undefined)[] } {
  const result = lintPacks(files)
  return {
    good: result.good.map(({ name }) => name),
    problems: result.problems.map((problem) => problem.file),
  }
}

test('a good pack has no problems', () => {
  expect(lint(good)).toEqual({ good: ['good'], problems: [] })
})

test('every problem of every file is reported, and good packs are named', () => {
  expect(lint(bad, good, missing)).toEqual({ good: ['good'], problems: [bad, bad, missing] })
})

test('a pack that forms a cycle with the built-in one is not good', () => {
  expect(lint(good, cyclic)).toEqual({ good: ['good'], problems: [cyclic] })
  expect(lintPacks([cyclic]).problems[0]?.message).toContain('prerequisites form a cycle: AC-2 → AC-3 → AC-2')
})
