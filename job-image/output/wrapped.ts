import displayWidth from 'string-width'

/**
 * Wraps the text at spaces into indented lines of at most `width` terminal columns. A longer word is on a line of its own
 * and is not broken, because users copy keys and digests.
 */
export function wrapped(text: string, width: number, indent: string): string {
  const room = width - displayWidth(indent)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && displayWidth(longer) > room) {
      lines.push(line)
      line = word
    } else line = longer
  }
  lines.push(line)
  return lines.map((each) => `${indent}${each}\n`).join('')
}
