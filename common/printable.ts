const CONTROL = /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu

/** The joiner within one emoji. */
const ZERO_WIDTH_JOINER = 0x200d

/**
 * One line of text from any source, such as a name or a database's message, for a terminal. Control and format characters,
 * which can move the cursor, hide text or turn its direction, are shown as symbols: U+2400 + code for C0, `�` for the rest.
 */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, (character) => {
    const code = character.codePointAt(0) ?? 0
    if (code === ZERO_WIDTH_JOINER) return character
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : '\uFFFD'
  })
}

/** The character that makes a text unusable as a name that people read and compare; undefined if there is none. */
export function invisibleIn(text: string): string | undefined {
  const [found] = Array.from(text).filter((character) => printable(character) !== character)
  if (found === undefined) return undefined
  const code = (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
  return `the invisible character U+${code}, with which it looks like another name`
}
