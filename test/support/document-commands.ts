import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** The documents with commands that people paste. */
export const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'helm/rapidrmf/README.md',
  ...['docs', 'docs/adr'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
]

/** A block of a document in the language `sh` or `console`, and its commands without comments. */
export type CommandBlock = { readonly place: string; readonly commands: readonly string[] }

export function commandBlocks(document: string): CommandBlock[] {
  const text = readFileSync(join(ROOT, document), 'utf8')
  return [...text.matchAll(/^```(sh|console)\n(.*?)^```/gms)].map((found) => {
    const [, language, body = ''] = found
    const line = text.slice(0, found.index).split('\n').length
    return { place: `${document}:${line}`, commands: language === 'sh' ? ofScript(body) : ofSession(body) }
  })
}

const COMMENT = /\s+# .*$/

/** Joins lines that end with a backslash or `&&`, and functions up to their closing brace. */
function ofScript(body: string): string[] {
  const commands: string[] = []
  let open = ''
  for (const line of body.split('\n').map((each) => each.replace(COMMENT, ''))) {
    open += open === '' ? line : `\n${line}`
    const continues = /(\\|&&)$/.test(line) || (/^\w+\(\) \{/.test(open) && line !== '}')
    if (continues) continue
    if (open.trim() !== '' && !open.startsWith('#')) commands.push(open)
    open = ''
  }
  if (open !== '') throw new Error(`a command does not end: ${open}`)
  return commands
}

/** The lines that begin with a prompt; the others are output. */
function ofSession(body: string): string[] {
  return body
    .split('\n')
    .flatMap((line) => (line.startsWith('$ ') ? [line.slice(2).replace(COMMENT, '')] : []))
}
