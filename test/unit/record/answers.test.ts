import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answersDigest, decodeAnswers, encodeAnswers } from '../../../job-image/record/answers.ts'
import { keysByType } from '../../../job-image/record/manifest.ts'
import { compilePlan, decideSystem } from '../../../job-image/validation/decide.ts'
import type { Decision } from '../../../job-image/validation/decide.ts'
import { worlds } from '../../support/worlds.ts'

const decision = (changes: Partial<Decision> = {}): Decision => ({
  status: 'pass',
  message: 'Evidence present: iam-policy',
  evidenceKeys: [],
  remediation: null,
  attributes: { rule: 'AC-2' },
  ...changes,
})

describe('the answers of a record', () => {
  it('are read back as they were evaluated, for any rules and evidence', () => {
    fc.assert(
      fc.property(worlds, ({ rules, rows, evidence, referenceTime }) => {
        const plan = compilePlan(rules, rows)
        const decisions = decideSystem(plan, evidence, referenceTime)
        const keys = keysByType(evidence, referenceTime)
        const encoded = encodeAnswers(decisions, keys)
        expect(decodeAnswers(encoded, decisions.length, keys)).toEqual(decisions)
        expect(encoded.pass).toBe(decisions.map(({ status }) => (status === 'pass' ? '1' : '0')).join(''))
        expect(encoded.fail).toBeNull()
        expect(encoded.digest).toEqual(answersDigest(encoded.decisions, encoded.decisionOf))
      }),
      { numRuns: 300 },
    )
  })

  it('are the same for renewed evidence with another key', () => {
    const answers = (key: string) =>
      encodeAnswers([decision({ evidenceKeys: [key] })], new Map([['iam-policy', key]]))
    expect(answers('2026-11.json')).toEqual(answers('2026-10.json'))
    const again = decodeAnswers(answers('2026-10.json'), 1, new Map([['iam-policy', '2026-11.json']]))
    expect(again[0]?.evidenceKeys).toEqual(['2026-11.json'])
  })

  it('keep a key that belongs to no type', () => {
    const encoded = encodeAnswers([decision({ evidenceKeys: ['a.json'] })], new Map())
    expect(decodeAnswers(encoded, 1, new Map())[0]?.evidenceKeys).toEqual(['a.json'])
  })

  it('have a bit string of failures only if a control fails', () => {
    const encoded = encodeAnswers([decision({ status: 'fail' }), decision()], new Map())
    expect(encoded).toMatchObject({ pass: '01', fail: '10' })
  })

  it.each([256, 257])('hold %s distinct decisions', (count) => {
    const decisions = Array.from({ length: count }, (_, index) => decision({ message: `message ${index}` }))
    const encoded = encodeAnswers(decisions, new Map())
    expect(encoded.decisionOf).toHaveLength(count <= 256 ? count : 2 * count)
    expect(decodeAnswers(encoded, count, new Map())).toEqual(decisions)
  })

  it('are refused where they do not fit the controls, the decisions or the manifest', () => {
    const encoded = encodeAnswers([decision({ evidenceKeys: ['k'] })], new Map([['iam-policy', 'k']]))
    expect(() => decodeAnswers(encoded, 2, new Map([['iam-policy', 'k']]))).toThrow(/1 bytes are not/)
    expect(() => decodeAnswers(encoded, 1, new Map())).toThrow(/no valid evidence of type iam-policy/)
    const beyond = { ...encoded, decisionOf: Buffer.from([7]) }
    expect(() => decodeAnswers(beyond, 1, new Map([['iam-policy', 'k']]))).toThrow(/no decision 7/)
  })

  it.each(['a\0b', '\ud800'])('refuse a text that PostgreSQL cannot store', (message) => {
    expect(() => encodeAnswers([decision({ message })], new Map())).toThrow(/cannot store/)
  })
})
