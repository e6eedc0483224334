import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addBits, bitAt, bitText, readBits } from '../../../job-image/record/bits.ts'

/** What PostgreSQL's varbit_send returns: the length as four bytes, then the bits, the first one highest. */
function sent(bits: readonly boolean[]): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(bits.length / 8))
  bytes.writeInt32BE(bits.length)
  for (const [index, bit] of bits.entries()) if (bit) bytes[4 + (index >> 3)]! |= 0x80 >> (index & 7)
  return bytes
}

describe('a bit string', () => {
  it('has each bit where it was put, and none beyond its end', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (bits) => {
        const read = readBits(sent(bits))
        const counters = new Int32Array(bits.length)
        addBits(read, counters)
        addBits(read, counters)
        expect(bits.map((_, index) => bitAt(read, index))).toEqual(bits)
        expect([...counters]).toEqual(bits.map((bit) => (bit ? 2 : 0)))
        expect(bitAt(read, bits.length)).toBe(false)
        expect(bitText(bits, (bit) => bit)).toBe(bits.map(Number).join(''))
      }),
    )
  })

  it('does not count bits of the last byte that are beyond its length', () => {
    const bytes = sent([true, false, true])
    bytes[4] = 0xff
    const counters = new Int32Array(8)
    addBits(readBits(bytes), counters)
    expect([...counters]).toEqual([1, 1, 1, 0, 0, 0, 0, 0])
  })

  it.each([Buffer.alloc(3), Buffer.from([0, 0, 0, 9, 255]), Buffer.from([255, 255, 255, 255])])(
    'is refused if its bytes do not fit its length',
    (bytes) => {
      expect(() => readBits(bytes)).toThrow(RangeError)
    },
  )
})
