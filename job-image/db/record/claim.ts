import type { Client } from 'pg'
import type { ManifestRow } from '../../record/manifest.ts'
import { formatTimestamp } from '../../time.ts'
import type { Micros } from '../../time.ts'
import { EVIDENCE_COLUMNS, decisiveEvidence, toEvidence, typesParameter } from '../inputs/evidence.ts'
import type { EvidenceTuple } from '../inputs/evidence.ts'
import { OF_RUN, runParameters } from '../runs/run-ref.ts'
import type { RunRef } from '../runs/run-ref.ts'
import { inputDigest } from './input-digest.ts'
import { previousRecord } from './previous.ts'
import type { PreviousRecord } from './previous.ts'

/** A system that this transaction has locked in the run's queue, with the inputs of its decisions. */
export type ClaimedSystem = {
  readonly systemId: number
  /** The evidence that `decisiveEvidence` selects. */
  readonly evidence: readonly ManifestRow[]
  /** Digest of the plan and all evidence of the system. */
  readonly inputDigest: Buffer
  /** Its newest earlier record, where that may be referred to. */
  readonly previous?: PreviousRecord
  /** Why the system cannot be evaluated, if it cannot. */
  readonly problem?: string
}

export type Claim = {
  readonly systems: readonly ClaimedSystem[]
  /** The transaction's time as PostgreSQL's text, UTC: `validated_at` of what is decided now. */
  readonly now: string
}

type ManifestTuple = [...EvidenceTuple, sha256: string]
type PreviousTuple = [
  decisionsRunId: number,
  inputsRunId: number,
  answersDigest: Buffer,
  evidenceDigest: Buffer,
]
type Nulls<T> = { [K in keyof T]: null }
type ClaimTuple = [
  now: string,
  systemId: number,
  exists: boolean,
  digest: Buffer,
  ...(PreviousTuple | Nulls<PreviousTuple>),
  ...(ManifestTuple | Nulls<ManifestTuple>),
]

// MATERIALIZED: the rows are locked once, before the evidence is joined to them.
// OFFSET 0 keeps the planner from reading evidence of other systems: if it is a view, their rows may raise errors.
const CLAIM = `
  WITH claimed AS MATERIALIZED (
    SELECT system_id FROM run_queue
     WHERE ${OF_RUN} AND ($5::int[] IS NULL OR system_id = ANY ($5))
     ORDER BY system_id LIMIT $4
       FOR UPDATE SKIP LOCKED)
  SELECT (now() AT TIME ZONE 'UTC')::text, c.system_id, s.id IS NOT NULL, d.digest, p.decisions_run_id, p.inputs_run_id,
         p.answers_digest, p.evidence_digest, ${EVIDENCE_COLUMNS}, e.sha256
    FROM claimed c
    LEFT JOIN systems s ON s.id = c.system_id
   CROSS JOIN LATERAL (SELECT ${inputDigest('$6::bytea', 'c.system_id')} AS digest OFFSET 0) d
    LEFT JOIN LATERAL (${previousRecord('c.system_id', '$9::int')}) p ON true
    LEFT JOIN LATERAL (${decisiveEvidence('c.system_id', '$7::bytea[]', '$8::timestamp')}) e ON true
   ORDER BY c.system_id, e.id`

export type ClaimRequest = {
  readonly run: RunRef
  /** `types` are the evidence types that any rule requires. */
  readonly plan: { readonly types: readonly string[] }
  readonly planDigest: Buffer
  readonly controlSetId: number
  /** The moment at which evidence must be valid. */
  readonly referenceTime: Micros
}

/**
 * Locks up to `limit` queued systems (only those in `only`, if given) until the transaction ends, and reads their
 * decisive evidence and the digest of their inputs. Skips systems that another worker has locked. Returns undefined if
 * there is nothing to claim.
 */
export async function claimSystems(
  client: Client,
  { run, plan, planDigest, controlSetId, referenceTime }: ClaimRequest,
  limit: number,
  only: readonly number[] | null,
): Promise<Claim | undefined> {
  const { rows } = await client.query<ClaimTuple>({
    text: CLAIM,
    values: [
      ...runParameters(run),
      limit,
      only,
      planDigest,
      typesParameter(plan.types),
      formatTimestamp(referenceTime),
      controlSetId,
    ],
    rowMode: 'array',
  })
  const [first] = rows
  if (first === undefined) return undefined
  const systems = new Map<number, ClaimedSystem & { evidence: ManifestRow[]; problem?: string }>()
  for (const [
    ,
    systemId,
    exists,
    digest,
    decisionsRunId,
    inputsRunId,
    answersDigest,
    evidenceDigest,
    ...tuple
  ] of rows) {
    let system = systems.get(systemId)
    if (system === undefined) {
      const previous =
        decisionsRunId === null ? undefined : { decisionsRunId, inputsRunId, answersDigest, evidenceDigest }
      system = { systemId, evidence: [], inputDigest: digest, ...(previous && { previous }) }
      systems.set(systemId, system)
    }
    if (!exists) system.problem = 'the system was deleted after the run was planned'
    else if (tuple[0] !== null) addEvidence(system, tuple)
  }
  return { systems: [...systems.values()], now: first[0] }
}

/** Adds a row of evidence. A timestamp that only PostgreSQL can represent makes an error of the system, not the batch. */
function addEvidence(
  system: { evidence: ManifestRow[]; problem?: string },
  [id, type, key, collectedAt, expiresAt, sha256]: ManifestTuple,
): void {
  try {
    system.evidence.push({ ...toEvidence([id, type, key, collectedAt, expiresAt]), sha256 })
  } catch (error) {
    system.problem ??= `evidence row ${id}: ${(error as Error).message}`
  }
}
