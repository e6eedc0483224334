import { describe, expect, test } from 'vitest'
import {
  completionSpecs,
  optionValues,
  placeOf,
} from '../../../../job-image/commands/completion/command-tree.ts'
import { TREE } from './tree.ts'

const SPECS = completionSpecs(TREE)

describe('the commands of a program', () => {
  test('come each after its group, under their path', () => {
    expect(SPECS.map(({ path }) => path)).toEqual(['', 'runs', 'runs show', 'lint'])
    expect(SPECS[0]).toMatchObject({
      description: 'The program',
      commands: [
        { name: 'runs', description: 'Runs' },
        { name: 'lint', description: '' },
      ],
      options: [],
      arguments: { words: [], files: false },
    })
  })

  test('have options with their spellings and values, and arguments apart from them', () => {
    const [, , show, lint] = SPECS
    expect(show?.options).toEqual([
      {
        names: ['--status'],
        description: "Only this one's",
        values: { words: ['pass', 'not_pass'], files: false },
      },
      { names: ['--output', '-o'], description: 'wide', values: { words: ['wide'], files: false } },
      { names: ['--config'], description: 'File', values: { words: [], files: true } },
      { names: ['--env'], description: 'Name', values: { words: [], files: false } },
      { names: ['--json'], description: 'JSON', values: undefined },
    ])
    expect(show?.arguments).toEqual({ words: ['latest'], files: false })
    expect(lint?.arguments).toEqual({ words: [], files: true })
  })
})

test('options with equal values are gathered', () => {
  expect(optionValues(SPECS)).toEqual([
    { places: [' runs show --status'], values: { words: ['pass', 'not_pass'], files: false } },
    { places: [' runs show --output', ' runs show -o'], values: { words: ['wide'], files: false } },
    { places: [' runs show --config'], values: { words: [], files: true } },
    { places: [' runs show --env'], values: { words: [], files: false } },
  ])
})

test('a place is a path with a space before each word', () => {
  expect([placeOf(''), placeOf('runs show')]).toEqual(['', ' runs show'])
})
