import { formatTimestamp } from '../time.ts'
import type { Micros } from '../time.ts'
import type { Decision, Status } from './model.ts'

/*
 * The messages that are stored with decisions. Times are absolute, never "3 days ago": the same inputs produce the same
 * message.
 */

/** An evidence type and the moment that is reported with it. */
export type DatedType = { readonly type: string; readonly at: Micros }

/** A required type without a valid row; `expiredAt` is set if all its rows have expired. */
export type LackingType = { readonly type: string; readonly expiredAt: Micros | undefined }

export type UnmetPrerequisite = { readonly control: string; readonly status: Status }

export function present(types: readonly string[]): string {
  return `Evidence present: ${types.join(', ')}`
}

export function requiredLacking(types: readonly LackingType[]): string {
  return `Required evidence: ${types.map(lacking).join(', ')}`
}

export function optionsLacking(groups: readonly (readonly LackingType[])[]): string {
  return groups.map((group) => `One of these is required: ${group.map(lacking).join(', ')}`).join('; ')
}

export function blocked(by: readonly UnmetPrerequisite[]): string {
  return `Prerequisite not passed: ${by.map(unmet).join(', ')}`
}

export function blockedRemediation(by: readonly UnmetPrerequisite[]): string {
  return `Make ${by.map(({ control }) => control).join(', ')} pass first.`
}

/** Adds notes for auditors to the reason: expired evidence, evidence from the future, failed advisory prerequisites. */
export function withNotes(
  reason: string,
  expired: readonly DatedType[],
  future: readonly DatedType[],
  advisory: readonly UnmetPrerequisite[],
): string {
  let message = reason
  if (expired.length > 0) {
    message += `; not counted: ${expired.map(({ type, at }) => `${type} expired ${formatTimestamp(at)}`).join(', ')}`
  }
  if (future.length > 0) {
    message += `; collected after the reference time: ${future.map(dated).join(', ')}`
  }
  if (advisory.length > 0) message += `; advisory prerequisite not passed: ${advisory.map(unmet).join(', ')}`
  return message
}

export function noRule(): Decision {
  return {
    status: 'unknown',
    message: 'No rule covers this control or its family',
    evidenceKeys: [],
    remediation: 'Add a rule for the control or its family to a rule pack, or requirements to the database.',
    attributes: {},
  }
}

export function noPack(framework: string): Decision {
  return {
    status: 'unknown',
    message: `There is no rule pack for the framework of this control, ${framework}`,
    evidenceKeys: [],
    remediation: 'Add a rule pack that names this framework, or requirements to the database.',
    attributes: {},
  }
}

export function frameworkNotKnown(): Decision {
  return {
    status: 'unknown',
    message: 'The framework of this control is not known, so no rule can be chosen',
    evidenceKeys: [],
    remediation: 'Set the framework of its catalog as catalogs.NAME.framework in the configuration.',
    attributes: {},
  }
}

export function invalidRequirements(problem: string): string {
  return `The requirements of this control in the database cannot be used: ${problem}`
}

function lacking({ type, expiredAt }: LackingType): string {
  return expiredAt === undefined ? `${type} missing` : `${type} expired ${formatTimestamp(expiredAt)}`
}

function dated({ type, at }: DatedType): string {
  return `${type} ${formatTimestamp(at)}`
}

function unmet({ control, status }: UnmetPrerequisite): string {
  return `${control} (${status})`
}
