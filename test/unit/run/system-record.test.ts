import { describe, expect, it } from 'vitest'
import type { ClaimedSystem } from '../../../job-image/db/record/claim.ts'
import type { PreviousRecord } from '../../../job-image/db/record/previous.ts'
import { encodeAnswers } from '../../../job-image/record/answers.ts'
import { encodeManifest, keysByType } from '../../../job-image/record/manifest.ts'
import type { ManifestRow } from '../../../job-image/record/manifest.ts'
import { systemRecord } from '../../../job-image/run/system-record.ts'
import { parseTimestamp } from '../../../job-image/time.ts'
import type { Decision, Status } from '../../../job-image/validation/model.ts'
import type { ValidationPlan } from '../../../job-image/validation/plan.ts'

const REFERENCE_TIME = parseTimestamp('2026-02-01 00:00:00')
const INPUT_DIGEST = Buffer.alloc(32, 1)

const evidence = (expiresAt: string | null): ManifestRow[] => [
  {
    id: 5,
    type: 'iam-policy',
    key: 'iam/5.json',
    sha256: 'ab'.repeat(32),
    collectedAt: parseTimestamp('2026-01-01 00:00:00'),
    expiresAt: expiresAt === null ? null : parseTimestamp(expiresAt),
  },
]
const decision = (status: Status): Decision => ({
  status,
  message: `it is ${status}`,
  evidenceKeys: status === 'pass' ? ['iam/5.json'] : [],
  remediation: null,
  attributes: {},
})
const PASS = decision('pass')
const UNKNOWN = decision('unknown')
const LACKS = decision('insufficient_evidence')
const FAIL = decision('fail')
const ALL = [PASS, FAIL, FAIL, LACKS, LACKS, LACKS, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]

/** The record's own parts need the types of the plan alone. */
const plan = { typeIndex: new Map([['iam-policy', 0]]) } as unknown as ValidationPlan
const recordOf = (system: Partial<ClaimedSystem> = {}, decisions: readonly Decision[] = ALL) =>
  systemRecord(
    { plan, referenceTime: REFERENCE_TIME },
    { systemId: 3, evidence: evidence(null), inputDigest: INPUT_DIGEST, ...system },
    decisions,
  )

describe('the record of a system', () => {
  it('holds the counts and the bits of its statuses, and its digests', () => {
    const manifest = encodeManifest(evidence(null))
    const answers = encodeAnswers(ALL, keysByType(evidence(null), REFERENCE_TIME))
    expect(recordOf()).toEqual({
      systemId: 3,
      pass: 1,
      fail: 2,
      insufficientEvidence: 3,
      unknown: 4,
      inputDigest: INPUT_DIGEST,
      evidenceDigest: manifest.digest,
      answersDigest: answers.digest,
      validUntil: null,
      passBits: '1000000000',
      failBits: '0110000000',
      inputsRunId: null,
      decisionsRunId: null,
      manifest: manifest.text,
      decisions: answers.decisions,
      decisionOf: answers.decisionOf,
    })
  })

  it('has no bits of failures where no control fails', () => {
    expect(recordOf({}, [PASS, UNKNOWN])).toMatchObject({ passBits: '10', failBits: null, fail: 0 })
  })
})

describe('time alone may change the answers', () => {
  it.each([
    ['when evidence expires', '2026-03-01 00:00:00', '2026-03-01T00:00:00Z'],
    ['never, without an expiry', null, null],
    ['never, if the expiry is infinite', 'infinity', null],
    ['in the year 9999 at the latest', '12000-01-01 00:00:00', '9999-12-31T00:00:00Z'],
  ])('%s', (_, expiresAt, validUntil) => {
    expect(recordOf({ evidence: evidence(expiresAt) }).validUntil).toBe(validUntil)
  })
})

describe('a record after an earlier one', () => {
  const { evidenceDigest, answersDigest } = recordOf()
  const OTHER = Buffer.alloc(32)
  const previous = (changes: Partial<PreviousRecord>): PreviousRecord => ({
    decisionsRunId: 8,
    inputsRunId: 9,
    answersDigest,
    evidenceDigest,
    ...changes,
  })

  it('refers to its details if they are the same', () => {
    expect(recordOf({ previous: previous({}) })).toMatchObject({
      inputsRunId: 9,
      decisionsRunId: 8,
      manifest: null,
      decisions: null,
      decisionOf: null,
      evidenceDigest,
      answersDigest,
    })
  })

  it('stores the manifest alone if only the evidence has changed', () => {
    const record = recordOf({ previous: previous({ evidenceDigest: OTHER }) })
    expect(record).toMatchObject({ inputsRunId: null, decisionsRunId: 8, decisions: null, decisionOf: null })
    expect(record.manifest).toBe(encodeManifest(evidence(null)).text)
  })

  it('stores the decisions alone if only the answers have changed', () => {
    const record = recordOf({ previous: previous({ answersDigest: OTHER }) })
    expect(record).toMatchObject({ inputsRunId: 9, decisionsRunId: null, manifest: null })
    expect(record.decisions).toContain('it is pass')
    expect(record.decisionOf).toEqual(Buffer.from([0, 1, 1, 2, 2, 2, 3, 3, 3, 3]))
  })
})
