import { dirname, extname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InputError } from '../errors.ts'
import { NIST_800_53_REV5 } from '../rules/framework.ts'
import { BUILTIN_PREFIX } from './catalog.ts'
import { mappedFile } from './file-map.ts'
import type { FileMap } from './file-map.ts'
import type { ResourceBody } from './schema.ts'

/** The only way to the outside that resolution has. */
export type FileReader = {
  /** Throws an InputError that names the file. */
  readonly read: (file: string) => string
  readonly exists: (file: string) => boolean
}

/** An import of a profile: where it stands and what it may refer to. */
export type Reference = {
  readonly file: string
  readonly place: string
  readonly href: string
  readonly resources: readonly ResourceBody[]
}

/**
 * The file that an import means (OSCAL profile resolution, "import"). The user's map comes first; a `#uuid` goes
 * through the back-matter. Nothing is ever fetched: a run must not depend on a web site.
 */
export function resolveReference(reference: Reference, map: FileMap, reader: FileReader): string {
  const { href } = reference
  const mapped = mappedFile(href, map)
  if (mapped !== undefined) return mapped
  return href.startsWith('#') ? resourceFile(reference, map, reader) : localFile(reference, reader)
}

function resourceFile(reference: Reference, map: FileMap, reader: FileReader): string {
  const uuid = reference.href.slice(1)
  const resource = reference.resources.find((each) => each.uuid.toLowerCase() === uuid.toLowerCase())
  if (resource === undefined) {
    throw failure(reference, `no resource of the back-matter has this uuid; ${remedy(uuid)}`)
  }
  const rlinks = resource.rlinks ?? []
  const mapped = rlinks.map(({ href }) => mappedFile(href, map)).find((file) => file !== undefined)
  if (mapped !== undefined) return mapped
  const readable = rlinks.filter((rlink) => rankOf(rlink) < UNREADABLE).sort((a, b) => rankOf(a) - rankOf(b))
  const local = readable.flatMap(({ href }) => pathOf(href, reference.file, reader) ?? [])
  const found = local.find((file) => reader.exists(file))
  if (found !== undefined) return found
  const tried =
    local.length === 0 ? 'it names no local file in JSON or YAML' : `not found: ${local.join(', ')}`
  const title = resource.title === undefined ? '' : ` ("${resource.title}")`
  throw failure(reference, `cannot open this resource${title}: ${tried}; ${remedy(uuid)}`)
}

const UNREADABLE = 3

/** JSON before YAML (it reads a hundred times faster), what says nothing last; XML not at all. */
function rankOf({ href, 'media-type': type }: { href: string; 'media-type'?: string | undefined }): number {
  const kind = `${type ?? ''} ${extname(href)}`.toLowerCase()
  if (kind.includes('json')) return 0
  if (/ya?ml/.test(kind)) return 1
  return kind.includes('xml') ? UNREADABLE : 2
}

function localFile(reference: Reference, reader: FileReader): string {
  const { href, file } = reference
  const path = pathOf(href, file, reader)
  if (path === undefined)
    throw failure(reference, `only local files are read, nothing is fetched; ${remedy(href)}`)
  if (reader.exists(path)) return path
  throw failure(reference, `there is no file ${path}; ${remedy(href)}`)
}

/** The path of a `file:` URL, of an absolute path or of one relative to the profile; undefined for other URLs. */
function pathOf(href: string, profile: string, reader: FileReader): string | undefined {
  if (/^file:\/\//i.test(href)) return fileUrlPath(href)
  if (/^[a-z][a-z0-9+.-]+:/i.test(href)) return undefined
  const from = (path: string): string => (isAbsolute(path) ? path : join(dirname(profile), path))
  // An href is a URI reference (`my%20catalog.json`), but people write file names.
  return reader.exists(from(href)) ? from(href) : from(decoded(href))
}

function fileUrlPath(href: string): string | undefined {
  try {
    return fileURLToPath(href)
  } catch {
    return undefined // file://host/… is on another machine
  }
}

function decoded(href: string): string {
  try {
    return decodeURIComponent(href)
  } catch {
    return href // a name with a plain "%"
  }
}

function remedy(key: string): string {
  return `give the file with --map ${key}=FILE, or use the built-in catalog: --map ${key}=${BUILTIN_PREFIX}${NIST_800_53_REV5}`
}

function failure({ file, place, href }: Reference, message: string): InputError {
  return new InputError({ file, message: `${place}: href "${href}": ${message}` })
}
