import { describe, expect, it } from 'vitest'
import { checkedResult } from '../../../../job-image/db/results/new-result.ts'
import type { NewResult } from '../../../../job-image/db/results/new-result.ts'

const GOOD: NewResult = {
  systemId: 1,
  controlId: 2,
  jobRunId: null,
  validatedAt: '2026-01-01 00:00:00.123456',
  decision: { status: 'pass', message: 'm', evidenceKeys: ['k'], remediation: null, attributes: {} },
}
const decided = (changes: object): object => ({ decision: { ...GOOD.decision, ...changes } })

describe('a result that a program wants to store', () => {
  it.each([
    ['2026-01-01 00:00:00.123456', '2026-01-01T00:00:00.123456Z'],
    ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['2026-01-01', '2026-01-01T00:00:00Z'],
    ['2026-01-01T02:00:00+02:00', '2026-01-01T00:00:00Z'],
  ])('has its time in UTC: %s', (validatedAt, expected) => {
    expect(checkedResult({ ...GOOD, validatedAt })).toEqual({ ...GOOD, validatedAt: expected })
  })

  it.each([
    [{ systemId: '2\t1\tPASS\tforged\t[]' }, /^systemId: expected a whole number from 1, found "2\\t1/],
    [{ systemId: '1' }, /^systemId/],
    [{ systemId: 0 }, /^systemId/],
    [{ controlId: 1.5 }, /^controlId/],
    [{ controlId: NaN }, /^controlId.*found null/],
    [{ controlId: 2 ** 60 }, /^controlId/],
    [{ jobRunId: undefined }, /^jobRunId.*found undefined/],
    [{ jobRunId: '1\n2' }, /^jobRunId/],
    [{ validatedAt: 'now()' }, /^validatedAt: not a timestamp: "now\(\)"; expected a time like/],
    [{ validatedAt: '2026-01-01 00:00:00\t{}\t1\n1\t2' }, /^validatedAt: not a timestamp/],
    [{ validatedAt: 'infinity' }, /^validatedAt: expected a time/],
    [{ validatedAt: new Date() }, /^validatedAt: not a timestamp/],
    [decided({ status: 'passed' }), /^decision.status: expected one of pass, fail/],
    [decided({ status: 'pass\tforged' }), /^decision.status/],
    [decided({ message: undefined }), /^decision.message: expected a text/],
    [decided({ evidenceKeys: 'k' }), /^decision.evidenceKeys: expected a list of texts/],
    [decided({ remediation: undefined }), /^decision.remediation/],
    [decided({ attributes: [] }), /^decision.attributes: expected an object/],
  ])('is refused with %j', (changes, message) => {
    expect(() => checkedResult({ ...GOOD, ...changes } as NewResult)).toThrow(message)
  })
})
