import { describe, expect, it } from 'vitest'
import { UnreadableRecord, expandRecord } from '../../../../job-image/db/record/expand.ts'
import type { StoredRecord } from '../../../../job-image/db/record/records.ts'
import type { SetControl } from '../../../../job-image/db/record/plans.ts'
import { encodeAnswers } from '../../../../job-image/record/answers.ts'
import { encodeManifest, keysByType } from '../../../../job-image/record/manifest.ts'
import type { ManifestRow } from '../../../../job-image/record/manifest.ts'
import { parseTimestamp } from '../../../../job-image/time.ts'
import type { Decision, Status } from '../../../../job-image/validation/model.ts'

const REFERENCE_TIME = '2026-02-01 00:00:00'
const CONTROLS: SetControl[] = ['AC-1', 'AC-2', 'AC-3', 'AU-1'].map((control, index) => ({
  id: 11 + index,
  catalog: 'nist-800-53-rev5',
  control,
  family: control.slice(0, 2),
}))
const EVIDENCE: ManifestRow[] = [
  {
    id: 5,
    type: 'iam-policy',
    key: 'iam/5.json',
    sha256: 'ab'.repeat(32),
    collectedAt: parseTimestamp('2026-01-01 00:00:00'),
    expiresAt: parseTimestamp('2026-02-02 00:00:00'),
  },
]

const decision = (status: Status, evidenceKeys: readonly string[] = []): Decision => ({
  status,
  message: `it is ${status}`,
  evidenceKeys,
  remediation: null,
  attributes: { rule: 'AC-1' },
})
const DECISIONS = [
  decision('pass', ['iam/5.json']),
  decision('fail'),
  decision('insufficient_evidence'),
  decision('unknown'),
]
const ANSWERS = encodeAnswers(DECISIONS, keysByType(EVIDENCE, parseTimestamp(REFERENCE_TIME)))

/** PostgreSQL's binary form of a bit string of up to eight bits. */
const sent = (text: string): Buffer =>
  Buffer.from([0, 0, 0, text.length, Number.parseInt(text.padEnd(8, '0'), 2)])

const record = (changes: Partial<StoredRecord> = {}): StoredRecord => ({
  systemId: 1,
  runId: 7,
  decidedRunId: 7,
  controlSetId: 1,
  isFull: true,
  decidedAt: REFERENCE_TIME,
  confirmedAt: REFERENCE_TIME,
  referenceTime: REFERENCE_TIME,
  pass: sent('1000'),
  fail: sent('0100'),
  unknown: sent('0001'),
  manifest: encodeManifest(EVIDENCE).text,
  decisions: ANSWERS.decisions,
  decisionOf: ANSWERS.decisionOf,
  ...changes,
})

describe('the answers of a record', () => {
  it('come in the order of the control set, each with its decision', () => {
    expect(expandRecord(record(), CONTROLS)).toEqual(
      CONTROLS.map((control, index) => ({
        control,
        status: DECISIONS[index]?.status,
        decision: DECISIONS[index],
      })),
    )
  })

  it.each([
    ['manifest', { manifest: null }],
    ['decisions', { decisions: null, decisionOf: null }],
    ['details', { manifest: null, decisions: null, decisionOf: null }],
  ])('have statuses alone without %s', (_, changes) => {
    const answers = expandRecord(record(changes), CONTROLS)
    expect(answers.map(({ status, decision: found }) => [status, found])).toEqual(
      DECISIONS.map(({ status }) => [status, undefined]),
    )
  })

  it('have no failures if the record has no bits of them', () => {
    const answers = expandRecord(record({ fail: null, decisions: null, decisionOf: null }), CONTROLS)
    expect(answers.map(({ status }) => status)).toEqual([
      'pass',
      'insufficient_evidence',
      'insufficient_evidence',
      'unknown',
    ])
  })
})

describe('a record whose parts do not fit each other cannot be read', () => {
  it.each(['pass', 'fail', 'unknown'])('if %s has too few bits, or too many', (plane) => {
    for (const text of ['000', '00000']) {
      expect(() => expandRecord(record({ [plane]: sent(text) }), CONTROLS)).toThrow(
        new UnreadableRecord(`${text.length} bits are not the statuses of 4 controls`),
      )
    }
  })

  it.each([
    ['a bit string is cut', { pass: Buffer.from([0, 0, 0, 9, 0]) }, '5 bytes are not a bit string of 9 bits'],
    ['a decision is missing', { decisionOf: Buffer.from([0, 1, 2]) }, '3 bytes are not the decisions of 4'],
    ['a control has another decision', { decisionOf: Buffer.from([0, 1, 2, 9]) }, 'there is no decision 9'],
    ['the evidence is gone', { manifest: '[]' }, 'the manifest has no valid evidence of type iam-policy'],
    [
      'the evidence had expired at its time',
      { referenceTime: '2026-02-02 00:00:00' },
      'the manifest has no valid evidence of type iam-policy',
    ],
    ['its decisions are gone, not their indexes', { decisions: null }, 'are not both stored'],
    ['the indexes of its decisions are gone', { decisionOf: null }, 'are not both stored'],
    ['its decisions are no JSON', { decisions: '[{' }, 'JSON'],
    ['its manifest is no list', { manifest: '7' }, ''],
  ])('if %s', (_, changes, message) => {
    const expand = () => expandRecord(record(changes), CONTROLS)
    expect(expand).toThrow(UnreadableRecord)
    expect(expand).toThrow(message)
  })
})
