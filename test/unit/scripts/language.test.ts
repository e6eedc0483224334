import { describe, expect, it } from 'vitest'
import { languageProblems, metricProblems, readableLines } from '../../../scripts/language/problems.ts'

const problems = (source: string) => languageProblems(readableLines('a.ts', source))

describe('the language check', () => {
  it.each([
    '// Told before a restart.',
    '/** Whoever asks gets the newest. */',
    "const message = 'nobody looked at it'",
    ' * A status is put off while others wait.',
    '/** Of workers that have lost the same server. */',
  ])('finds what is wrong in %s', (source) => {
    expect(problems(`const a = 1\n${source}`)).toEqual([expect.stringMatching(/^a\.ts:2: /)])
  })

  it.each([
    '/** A backoff after a lost connection. */',
    '/** Offers the newest run. */',
    'const teller = retold(1)',
    'if (whoever) return',
  ])('accepts %s', (source) => {
    expect(problems(source)).toEqual([])
  })

  it('takes each line of a document', () => {
    expect(languageProblems(readableLines('README.md', 'fine\nnobody knows'))).toHaveLength(1)
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
