import { describe, expect, it } from 'vitest'
import {
  isReadable,
  languageProblems,
  metricProblems,
  readableLines,
} from '../../../scripts/language/problems.ts'

const problems = (source: string) => languageProblems(readableLines('a.ts', source))

describe('the language check', () => {
  it.each([
    '// Told before a restart.',
    '/** Whoever asks gets the newest. */',
    "const message = 'nobody looked at it'",
    "// The CronJob is nobody's.",
    ' * A status is put off while others wait.',
    '/** Of workers that have lost the same server. */',
    '// An error that the server reports in passing.',
    '// The courier of notifications.',
    '// A run does not get on.',
    '// Writes in a rush.',
    '// A run goes on after a restart.',
    '// The process has not heard from the server.',
    '// A list is dear.',
    '// A spec that is judged by the API server.',
    '// Runs of a neighbour.',
    '// The addressee of a message.',
    '// It waits in vain.',
    "const help = 'a flag stands above its variable'",
    '// The process ends without a word.',
  ])('finds what is wrong in %s', (source) => {
    expect(problems(`const a = 1\n${source}`)).toEqual([expect.stringMatching(/^a\.ts:2: /)])
  })

  it.each([
    '/** A backoff after a lost connection. */',
    '/** Offers the newest run. */',
    'const teller = retold(1)',
    'if (whoever) return',
    "const account = 'nobody'",
  ])('accepts %s', (source) => {
    expect(problems(source)).toEqual([])
  })

  it('takes each line of a document', () => {
    expect(languageProblems(readableLines('README.md', 'fine\nnobody knows'))).toHaveLength(1)
  })

  it.each([
    'a.ts',
    'a.cjs',
    'a.mjs',
    'a.go',
    'values.yaml',
    '_helpers.tpl',
    'NOTES.txt',
    '0001_a.sql',
    'a.md',
  ])('reads the comments of %s', (path) => {
    expect(isReadable(path)).toBe(true)
    expect(languageProblems(readableLines(path, 'fine\n// told'))).toEqual([
      expect.stringMatching(`^${path}:2: `),
    ])
  })

  it.each(['a.json', 'a.sum', 'a.png'])('skips %s', (path) => {
    expect(isReadable(path)).toBe(false)
  })

  it('leaves titles of tests to their own files, and counts lines across them', () => {
    const text = 'shown by “a run\nthat is told”,\nnobody knows'
    expect(languageProblems(readableLines('SECURITY.md', text))).toEqual([
      expect.stringMatching(/^SECURITY\.md:3: /),
    ])
  })

  it('lets counters, and only counters, end in _total', () => {
    const declared = (kind: string, name: string) =>
      metricProblems('m.ts', `new ${kind}({\n  name: '${name}',`)
    expect(declared('Counter', 'a_errors_total')).toEqual([])
    expect(declared('Gauge', 'a_depth')).toEqual([])
    expect(declared('Counter', 'a_errors')).toHaveLength(1)
    expect(declared('Gauge', 'a_restarts_total')).toHaveLength(1)
  })
})
