import type { ClaimedSystem } from '../db/record/claim.ts'
import type { SystemRecord } from '../db/record/settle.ts'
import { encodeAnswers } from '../record/answers.ts'
import { encodeManifest, keysByType } from '../record/manifest.ts'
import { formatTimestamp } from '../time.ts'
import type { Micros } from '../time.ts'
import type { Decision, Status, ValidationPlan } from '../validation/decide.ts'
import { nextChange } from '../validation/evidence.ts'

export type RecordContext = { readonly plan: ValidationPlan; readonly referenceTime: Micros }

/**
 * The record of one evaluated system. `decisions` are parallel to the controls of the plan. What is equal in the
 * previous record is referred to instead of stored again.
 */
export function systemRecord(
  { plan, referenceTime }: RecordContext,
  { systemId, evidence, inputDigest, previous }: ClaimedSystem,
  decisions: readonly Decision[],
): SystemRecord {
  const counts: Record<Status, number> = { pass: 0, fail: 0, insufficient_evidence: 0, unknown: 0 }
  for (const { status } of decisions) counts[status] += 1
  const manifest = encodeManifest(evidence)
  const answers = encodeAnswers(decisions, keysByType(evidence, referenceTime))
  const hasInputs = previous?.evidenceDigest.equals(manifest.digest) === true
  const hasAnswers = previous?.answersDigest.equals(answers.digest) === true
  return {
    systemId,
    pass: counts.pass,
    fail: counts.fail,
    insufficientEvidence: counts.insufficient_evidence,
    unknown: counts.unknown,
    inputDigest,
    evidenceDigest: manifest.digest,
    answersDigest: answers.digest,
    validUntil: momentText(nextChange(plan.typeIndex, evidence, referenceTime)),
    passBits: answers.pass,
    failBits: answers.fail,
    inputsRunId: hasInputs ? previous.inputsRunId : null,
    decisionsRunId: hasAnswers ? previous.decisionsRunId : null,
    manifest: hasInputs ? null : manifest.text,
    decisions: hasAnswers ? null : answers.decisions,
    decisionOf: hasAnswers ? null : answers.decisionOf,
  }
}

/** 9999-12-31, in microseconds. PostgreSQL and ISO-8601 write later times differently. */
const LATEST_MOMENT = 253_402_214_400_000_000

function momentText(moment: Micros | null): string | null {
  return moment === null ? null : formatTimestamp(Math.min(moment, LATEST_MOMENT))
}
