import { sha256 } from '../../common/sha256.ts'
import { storageProblem } from '../storable-text.ts'
import type { Decision, Status } from '../validation/model.ts'
import { bitText } from './bits.ts'

/**
 * A decision as it is stored: it names the types of its evidence instead of the keys, so that renewed evidence with the
 * same answers changes the manifest alone. A key of no type is stored as it is.
 */
type StoredDecision = {
  readonly status: Status
  readonly message: string
  readonly evidence?: readonly (string | { readonly key: string })[]
  readonly remediation?: string
  readonly attributes: Decision['attributes']
}

/** The answers about one system as they are stored. */
export type EncodedAnswers = {
  /** Texts of bit strings, one bit per control; `fail` is null if no control fails. */
  readonly pass: string
  readonly fail: string | null
  /** JSON: the distinct decisions, in the order of their first control. */
  readonly decisions: string
  /** The index of each control's decision: one byte, or two (the higher first) if there are more than 256 decisions. */
  readonly decisionOf: Buffer
  /** sha256 of the decisions and the indexes: equal for equal answers, in any run. */
  readonly digest: Buffer
}

const ONE_BYTE = 256

/**
 * Encodes the decisions about one system, in the order of the plan's controls; controls that share a decision share the
 * object. `keys` is `keysByType` of the system's evidence. Throws a RangeError for a text that PostgreSQL cannot store.
 */
export function encodeAnswers(
  decisions: readonly Decision[],
  keys: ReadonlyMap<string, string>,
): EncodedAnswers {
  const index = new Map<Decision, number>()
  for (const decision of decisions) if (!index.has(decision)) index.set(decision, index.size)
  const typeOf = typesByKey(keys)
  const text = JSON.stringify(Array.from(index.keys(), (decision) => storedDecision(decision, typeOf)))
  const decisionOf = encodeIndexes(
    decisions.map((decision) => index.get(decision)!),
    index.size,
  )
  const fails = decisions.some(({ status }) => status === 'fail')
  return {
    pass: bitText(decisions, ({ status }) => status === 'pass'),
    fail: fails ? bitText(decisions, ({ status }) => status === 'fail') : null,
    decisions: text,
    decisionOf,
    digest: answersDigest(text, decisionOf),
  }
}

/** sha256 of the decisions and the index of each control's decision. */
export function answersDigest(decisions: string, decisionOf: Buffer): Buffer {
  return sha256(`${decisions}\n${decisionOf.toString('base64')}`)
}

/** The type of each key. If types share a key, the first one counts: decoding leads to the same key. */
function typesByKey(keys: ReadonlyMap<string, string>): Map<string, string> {
  const types = new Map<string, string>()
  for (const [type, key] of keys) if (!types.has(key)) types.set(key, type)
  return types
}

function storedDecision(decision: Decision, typeOf: ReadonlyMap<string, string>): StoredDecision {
  const { status, message, evidenceKeys, remediation, attributes } = decision
  refuseUnstorable(message)
  if (remediation !== null) refuseUnstorable(remediation)
  return {
    status,
    message,
    ...(evidenceKeys.length > 0 && { evidence: evidenceKeys.map((key) => typeOf.get(key) ?? { key }) }),
    ...(remediation !== null && { remediation }),
    attributes,
  }
}

/** JSON could hold such a text; the column of published results cannot, and both must give the same answers. */
function refuseUnstorable(text: string): void {
  const problem = storageProblem(text)
  if (problem !== undefined)
    throw new RangeError(`a text of the result holds ${problem}: ${JSON.stringify(text)}`)
}

function encodeIndexes(indexes: readonly number[], decisions: number): Buffer {
  if (decisions <= ONE_BYTE) return Buffer.from(indexes)
  const encoded = Buffer.allocUnsafe(indexes.length * 2)
  for (const [at, index] of indexes.entries()) encoded.writeUInt16BE(index, at * 2)
  return encoded
}

/** Decodes stored answers. Throws a RangeError if the parts do not fit each other or the number of controls. */
export function decodeAnswers(
  stored: { readonly decisions: string; readonly decisionOf: Buffer },
  controls: number,
  keys: ReadonlyMap<string, string>,
): Decision[] {
  const distinct = (JSON.parse(stored.decisions) as readonly StoredDecision[]).map((each) =>
    loadedDecision(each, keys),
  )
  const width = distinct.length <= ONE_BYTE ? 1 : 2
  const { decisionOf } = stored
  if (decisionOf.length !== controls * width) {
    throw new RangeError(`${decisionOf.length} bytes are not the decisions of ${controls} controls`)
  }
  return Array.from({ length: controls }, (_, control) => {
    const index = width === 1 ? decisionOf[control]! : decisionOf.readUInt16BE(control * 2)
    const decision = distinct[index]
    if (decision === undefined)
      throw new RangeError(`there is no decision ${index} for the control at ${control}`)
    return decision
  })
}

function loadedDecision(stored: StoredDecision, keys: ReadonlyMap<string, string>): Decision {
  const { status, message, evidence = [], remediation = null, attributes } = stored
  const evidenceKeys = evidence.map((each) => {
    if (typeof each !== 'string') return each.key
    const key = keys.get(each)
    if (key === undefined) throw new RangeError(`the manifest has no valid evidence of type ${each}`)
    return key
  })
  return { status, message, evidenceKeys, remediation, attributes }
}
