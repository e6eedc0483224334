/** Why PostgreSQL cannot store this text; undefined if it can. Its `text` does not hold all strings of JavaScript and JSON. */
export function storageProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'a NUL character, which PostgreSQL cannot store'
  return text.isWellFormed() ? undefined : 'half of a surrogate pair, which PostgreSQL cannot store'
}

/** The text with U+FFFD in place of what cannot be stored: for messages, which must not be lost for one character. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}
