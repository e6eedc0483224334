import type { Micros } from '../time.ts'

export type Status = 'pass' | 'fail' | 'insufficient_evidence' | 'unknown'

/** One row of control_requirements. */
export type Requirement = { readonly requiredAll: readonly string[]; readonly requiredAny: readonly string[] }

/** One row of controls with its requirements. */
export type ControlRow = {
  readonly id: number
  readonly catalogId: number
  /** The stored id, in any spelling. */
  readonly controlId: string
  /** The framework of its catalog (see rules/framework.ts); undefined if it is not known. */
  readonly framework: string | undefined
  /** Ordered by id; they override every rule pack. */
  readonly requirements: readonly Requirement[]
  /** The problem of requirements that cannot be read. */
  readonly problem?: string
  /** controls.remediation: stored with decisions that are based on the database's requirements. */
  readonly remediation?: string | null
}

/** One row of evidence of the evaluated system. */
export type EvidenceRow = {
  readonly id: number
  readonly type: string
  readonly key: string
  readonly collectedAt: Micros
  readonly expiresAt: Micros | null
}

/** The decision about one control of one system. It does not name the control: many controls share one object. */
export type Decision = {
  readonly status: Status
  readonly message: string
  readonly evidenceKeys: readonly string[]
  readonly remediation: string | null
  readonly attributes: Readonly<Record<string, unknown>>
}
