import { asError } from '../../errors.ts'
import { decodeAnswers } from '../../record/answers.ts'
import { readBits } from '../../record/bits.ts'
import { statusAt } from '../../record/counts.ts'
import { decodeManifest, keysByType } from '../../record/manifest.ts'
import { parseTimestamp } from '../../time.ts'
import type { Decision, Status } from '../../validation/model.ts'
import type { SetControl } from './plans.ts'
import type { StoredRecord } from './records.ts'

/** The answer about one control of one system. */
export type RecordedAnswer = {
  readonly control: SetControl
  readonly status: Status
  /** Undefined once the details have been deleted for their age. */
  readonly decision: Decision | undefined
}

/** A record that cannot be read: damaged, or written in another form. */
export class UnreadableRecord extends Error {}

/** The answers of a record, in the order of its control set. Throws UnreadableRecord if its parts do not fit each other. */
export function expandRecord(record: StoredRecord, controls: readonly SetControl[]): RecordedAnswer[] {
  try {
    const bits = {
      pass: readBits(record.pass),
      fail: record.fail === null ? undefined : readBits(record.fail),
      unknown: readBits(record.unknown),
    }
    for (const { length } of [bits.pass, bits.unknown, bits.fail ?? bits.pass]) {
      if (length !== controls.length)
        throw new RangeError(`${length} bits are not the statuses of ${controls.length} controls`)
    }
    const decisions = decisionsOf(record, controls.length)
    return controls.map((control, index) => ({
      control,
      status: statusAt(bits, index),
      decision: decisions?.[index],
    }))
  } catch (thrown) {
    throw new UnreadableRecord(asError(thrown).message, { cause: thrown })
  }
}

function decisionsOf(record: StoredRecord, controls: number): readonly Decision[] | undefined {
  const { manifest, decisions, decisionOf } = record
  // They are stored and deleted together: one alone is damage, and must not read as details deleted for their age.
  if ((decisions === null) !== (decisionOf === null))
    throw new RangeError('the decisions and the index of each control are not both stored')
  if (manifest === null || decisions === null || decisionOf === null) return undefined
  const keys = keysByType(decodeManifest(manifest), parseTimestamp(record.referenceTime))
  return decodeAnswers({ decisions, decisionOf }, controls, keys)
}
