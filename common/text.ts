const ELLIPSIS = '…'

/** Truncates the text to at most `length` characters (code points); a truncated text ends with '…'. */
export function truncate(text: string, length: number): string {
  if (text.length <= length) return text
  const characters = Array.from(text)
  if (characters.length <= length) return text
  return `${characters.slice(0, length - 1).join('')}${ELLIPSIS}`
}

/** Truncates the text to at most `bytes` bytes of UTF-8, never within a character. Lone surrogates become U+FFFD. */
export function truncateToBytes(text: string, bytes: number): string {
  const whole = text.toWellFormed()
  const encoded = Buffer.from(whole)
  if (encoded.length <= bytes) return whole
  let end = bytes - Buffer.byteLength(ELLIPSIS)
  // Bytes 10xxxxxx continue a character.
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--
  return `${encoded.subarray(0, end).toString()}${ELLIPSIS}`
}
