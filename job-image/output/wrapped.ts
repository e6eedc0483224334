import displayWidth from 'string-width'

/**
 * The text in lines of at most `width` terminal columns, broken at spaces, each after `indent`. A word that is longer
 * than a line has one of its own and is not cut: keys and digests are copied from here.
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
