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
  /** The framework of its catalog (see rules/framework.ts); undefined when it is not known. */
  readonly framework: string | undefined
  /** In the order of their ids; they take precedence over every rule pack. */
  readonly requirements: readonly Requirement[]
  /** What is wrong with the requirements, when they cannot be read. */
  readonly problem?: string
  /** controls.remediation: stored with decisions that the database's own requirements lead to. */
  readonly remediation?: string | null
}

/** One row of evidence of the system being judged. */
export type EvidenceRow = {
  readonly id: number
  readonly type: string
  readonly key: string
  readonly collectedAt: Micros
  readonly expiresAt: Micros | null
}

/** What a run says about one control of one system, and stores. Names no control: many may share one object. */
export type Decision = {
  readonly status: Status
  readonly message: string
  readonly evidenceKeys: readonly string[]
  readonly remediation: string | null
  readonly attributes: Readonly<Record<string, unknown>>
}
