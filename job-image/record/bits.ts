/*
 * The bit strings of a record: one bit per control, in the order of the control set. PostgreSQL takes them as text of
 * zeros and ones, and returns them as its binary form (varbit_send): the length as four bytes, then eight bits a byte,
 * the first control in the highest bit.
 */

/** A bit string that was read. */
export type Bits = { readonly length: number; readonly bytes: Buffer }

const HEADER = 4

/** Reads PostgreSQL's binary form; throws a RangeError if the bytes do not fit the length. */
export function readBits(sent: Buffer): Bits {
  const length = sent.length < HEADER ? -1 : sent.readInt32BE(0)
  if (length < 0 || sent.length !== HEADER + Math.ceil(length / 8)) {
    throw new RangeError(`${sent.length} bytes are not a bit string of ${length} bits`)
  }
  return { length, bytes: sent.subarray(HEADER) }
}

/** True if the bit of this control is set; false beyond the end. */
export function bitAt({ length, bytes }: Bits, index: number): boolean {
  return index < length && (bytes[index >> 3]! & (0x80 >> (index & 7))) !== 0
}

/** Adds each set bit to the counter of its control. `counters` has at least one element per bit. */
export function addBits({ length, bytes }: Bits, counters: Int32Array): void {
  for (let byte = 0; byte < bytes.length; byte += 1) {
    const value = bytes[byte]!
    if (value === 0) continue
    const first = byte * 8
    const last = Math.min(first + 8, length)
    for (let index = first; index < last; index += 1) {
      if ((value & (0x80 >> (index & 7))) !== 0) counters[index]! += 1
    }
  }
}

/** The text of a bit string with one bit per element. */
export function bitText<T>(elements: readonly T[], isSet: (element: T) => boolean): string {
  let text = ''
  for (const element of elements) text += isSet(element) ? '1' : '0'
  return text
}
