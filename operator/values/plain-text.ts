/**
 * A text from outside (a pod's message, a token) as one line of at most `length` characters for statuses and events.
 * Control characters and those that change the direction of writing go: a terminal would obey them. Halves of surrogate
 * pairs go too: JSON of them is refused. HTML stays, as it is text here and nobody's mark-up.
 */
export function plainText(text: string, length: number): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\uFFFD]+/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim()
  const characters = Array.from(line)
  return characters.length <= length ? line : `${characters.slice(0, length - 1).join('')}…`
}

/** A word that metav1.Condition takes for a reason, or the other one. */
export function reasonWord(text: string, otherwise: string): string {
  return /^[A-Za-z][A-Za-z0-9]{0,127}$/.test(text) ? text : otherwise
}
