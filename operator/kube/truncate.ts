/** Truncates the text to at most this many bytes of UTF-8, never within a character. */
export function cutToBytes(text: string, bytes: number): string {
  // A lone surrogate would be encoded as three bytes.
  const whole = text.toWellFormed()
  const encoded = Buffer.from(whole)
  if (encoded.length <= bytes) return whole
  const ellipsis = '…'
  let end = bytes - Buffer.byteLength(ellipsis)
  // Bytes 10xxxxxx continue a character.
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--
  return `${encoded.subarray(0, end).toString()}${ellipsis}`
}
