import { truncate } from '../../common/text.ts'

/**
 * Converts an untrusted text (a pod's message, a token) to one line of at most `length` characters for statuses and
 * events. Control characters and those that change the direction of writing are removed, because a terminal would
 * obey them. So are lone surrogates, which JSON refuses. HTML stays, as it is plain text here.
 */
export function plainText(text: string, length: number): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\uFFFD]+/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim()
  return truncate(line, length)
}

/** Returns the text if it is a valid reason of metav1.Condition, else the default. */
export function reasonWord(text: string, otherwise: string): string {
  return /^[A-Za-z][A-Za-z0-9]{0,127}$/.test(text) ? text : otherwise
}
