import { createHash } from 'node:crypto'

/** The SHA-256 digest of the text's UTF-8, in 64 hexadecimal digits. */
export function sha256Hex(text: string): string {
  return sha256(text).toString('hex')
}

/** The SHA-256 digest of the text's UTF-8, as 32 bytes. */
export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
