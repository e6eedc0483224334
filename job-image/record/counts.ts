import { addBits, bitAt } from './bits.ts'
import type { Bits } from './bits.ts'
import type { Status } from '../validation/model.ts'

/** The statuses of one system: bit strings over the same controls. */
export type StatusBits = { readonly pass: Bits; readonly fail: Bits | undefined; readonly unknown: Bits }

export type StatusCounts = Readonly<Record<Status, number>>

/** The status of the control at this index. What neither passes nor fails nor is unknown in the plan lacks evidence. */
export function statusAt({ pass, fail, unknown }: StatusBits, index: number): Status {
  if (bitAt(pass, index)) return 'pass'
  if (fail !== undefined && bitAt(fail, index)) return 'fail'
  return bitAt(unknown, index) ? 'unknown' : 'insufficient_evidence'
}

/** The counts of each of `size` controls over all systems, in the order of the control set. */
export function countsByControl(systems: readonly StatusBits[], size: number): StatusCounts[] {
  const pass = new Int32Array(size)
  const fail = new Int32Array(size)
  const unknown = new Int32Array(size)
  for (const bits of systems) {
    addBits(bits.pass, pass)
    addBits(bits.unknown, unknown)
    if (bits.fail !== undefined) addBits(bits.fail, fail)
  }
  return Array.from({ length: size }, (_, index) => {
    const counts = { pass: pass[index]!, fail: fail[index]!, unknown: unknown[index]! }
    const others = counts.pass + counts.fail + counts.unknown
    return { ...counts, insufficient_evidence: systems.length - others }
  })
}
