import { InputError } from '../errors.ts'

/** The values of `--map`: `UUID_OR_HREF=FILE`, where both an href and a path may contain "=". Created by `fileMap`. */
export type FileMap = readonly string[]

/** Checks that each option has two sides. Which "=" divides them is known once an href is looked up. */
export function fileMap(options: readonly string[]): FileMap {
  for (const text of options) {
    if (!/\S[^]*=[^]*\S/.test(text)) throw new InputError(`--map ${text}: expected UUID_OR_HREF=FILE`)
  }
  return options
}

/**
 * The file (or `builtin:…`) given for an href, or for the `#uuid` of a resource; undefined where none is. An href for
 * which two files are given is an InputError.
 */
export function mappedFile(href: string, map: FileMap): string | undefined {
  const [found, other] = map.flatMap((text) => fileFor(href, text) ?? [])
  if (other !== undefined) throw new InputError(`--map: "${href}" is given twice: ${found} and ${other}`)
  return found
}

function fileFor(href: string, text: string): string | undefined {
  for (let at = text.indexOf('='); at > 0; at = text.indexOf('=', at + 1)) {
    const file = text.slice(at + 1).trim()
    if (file !== '' && keyOf(text.slice(0, at).trim()) === keyOf(href)) return file
  }
  return undefined
}

/** A uuid is one key with or without its `#`, in either case (RFC 9562); an href is taken as it is. */
function keyOf(text: string): string {
  return /^#?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
    ? text.replace('#', '').toLowerCase()
    : text
}
