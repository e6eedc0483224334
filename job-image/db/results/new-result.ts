import { truncate } from '../../../common/text.ts'
import { InputError, asError } from '../../errors.ts'
import { formatTimestamp, parseTimestamp } from '../../time.ts'
import type { Decision, Status } from '../../validation/model.ts'

/** A row of `validation_results` to be stored. `jobRunId` null: a row outside any run. */
export type NewResult = {
  readonly systemId: number
  /** `controls.id` */
  readonly controlId: number
  readonly decision: Decision
  readonly jobRunId: number | null
  /** ISO-8601 or PostgreSQL's text; UTC where it has no zone, and a date alone is its midnight. */
  readonly validatedAt: string
}

const STATUSES = ['pass', 'fail', 'insufficient_evidence', 'unknown'] as const satisfies Status[]

/**
 * The result with its time in UTC, as the column stores it. Throws an InputError that names the field if one cannot be
 * stored as it is meant: a caller without types may pass anything.
 */
export function checkedResult(result: NewResult): NewResult {
  const { systemId, controlId, jobRunId, decision, validatedAt } = result
  requireId('systemId', systemId)
  requireId('controlId', controlId)
  if (jobRunId !== null) requireId('jobRunId', jobRunId)
  const { status, message, evidenceKeys, remediation, attributes } = decision
  refuseUnless('decision.status', `one of ${STATUSES.join(', ')}`, status, STATUSES.includes(status))
  refuseUnless('decision.message', 'a text', message, typeof message === 'string')
  refuseUnless('decision.evidenceKeys', 'a list of texts', evidenceKeys, isTexts(evidenceKeys))
  const isRemedy = remediation === null || typeof remediation === 'string'
  refuseUnless('decision.remediation', 'a text or null', remediation, isRemedy)
  const isObject = typeof attributes === 'object' && attributes !== null && !Array.isArray(attributes)
  refuseUnless('decision.attributes', 'an object', attributes, isObject)
  return { ...result, validatedAt: utc('validatedAt', validatedAt) }
}

function requireId(field: string, value: unknown): void {
  refuseUnless(field, 'a whole number from 1', value, Number.isSafeInteger(value) && Number(value) > 0)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function refuseUnless(field: string, expected: string, found: unknown, holds: boolean): void {
  if (!holds) throw new InputError(`${field}: expected ${expected}, found ${shown(found)}`)
}

const DATE = /^\d{4}-\d\d-\d\d$/

/** The column has no zone: PostgreSQL would drop the offset of another one. */
function utc(field: string, value: unknown): string {
  const text = String(value)
  try {
    const micros = parseTimestamp(DATE.test(text) ? `${text}T00:00Z` : text)
    if (Number.isFinite(micros)) return formatTimestamp(micros)
  } catch (error) {
    throw new InputError(`${field}: ${asError(error).message}; expected a time like 2026-11-24T02:00:00Z`)
  }
  throw new InputError(`${field}: expected a time like 2026-11-24T02:00:00Z, found ${shown(value)}`)
}

function shown(value: unknown): string {
  return truncate(JSON.stringify(value) ?? String(value), 60)
}
