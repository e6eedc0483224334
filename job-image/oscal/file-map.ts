import { InputError } from '../errors.ts'

/** From a resource's uuid or an href, as a profile writes it, to a file (or to `builtin:…`). Made by `fileMap`. */
export type FileMap = ReadonlyMap<string, string>

/** Reads `UUID_OR_HREF=FILE`; the first "=" divides, for a uuid has none and a path may. */
export function fileMap(options: readonly string[]): FileMap {
  const map = new Map<string, string>()
  for (const text of options) {
    const at = text.indexOf('=')
    const [key, file] = [text.slice(0, Math.max(at, 0)).trim(), text.slice(at + 1).trim()]
    if (key === '' || file === '') throw new InputError(`--map ${text}: expected UUID_OR_HREF=FILE`)
    if (map.has(keyOf(key))) throw new InputError(`--map ${text}: "${key}" is given twice`)
    map.set(keyOf(key), file)
  }
  return map
}

/** The file given for an href (or for the `#uuid` of a resource), undefined where none is. */
export function mappedFile(href: string, map: FileMap): string | undefined {
  return map.get(keyOf(href))
}

/** A uuid is one key with or without its `#`, in either case (RFC 9562); an href is taken as it is. */
function keyOf(text: string): string {
  return /^#?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
    ? text.replace('#', '').toLowerCase()
    : text
}
