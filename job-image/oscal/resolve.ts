import { resolve as absolute } from 'node:path'
import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import { NIST_800_53_REV5, frameworkName } from '../rules/framework.ts'
import { BUILTIN_PREFIX, builtinCatalog, catalogFrom } from './catalog.ts'
import type { Catalog } from './catalog.ts'
import { parseOscal } from './document.ts'
import type { OscalDocument } from './document.ts'
import type { FileMap } from './file-map.ts'
import { mergeParts } from './merge.ts'
import { controlsOf, pickedControls, prunedOutline } from './control-tree.ts'
import type { Control, OutlineNode, Part } from './control-tree.ts'
import { resolveReference } from './reference.ts'
import type { FileReader } from './reference.ts'
import type { ProfileBody } from './schema.ts'
import { selectControls } from './selection.ts'

export type ResolveOptions = {
  readonly reader: FileReader
  readonly map?: FileMap
}

/** A profile after its imports are read and its selections made. */
export type ResolvedProfile = {
  readonly file: string
  readonly title: string
  readonly version: string
  /** Every selected control, as often as the merge keeps it, in the result's order. */
  readonly controls: readonly Control[]
  /** The result's groups and nesting. */
  readonly outline: readonly OutlineNode[]
  /** The catalogs that the controls come from, in the order of the first import of each. */
  readonly catalogs: readonly Catalog[]
  readonly warnings: readonly string[]
}

/** The source that the reference of an import resolves to. */
type Loaded = { readonly parts: readonly Part[]; readonly catalogs: readonly Catalog[] }

type Context = {
  readonly reader: FileReader
  readonly map: FileMap
  readonly warnings: string[]
  /** Documents by absolute path: a catalog that ten profiles import is read once and shared. */
  readonly loaded: Map<string, Loaded>
  /** The profiles that are being resolved, outermost first. */
  readonly chain: readonly string[]
}

/**
 * Resolves a profile: imports, then merge (OSCAL profile resolution; `modify` changes texts and parameters, which
 * decide no membership). Any problem is an InputError that names the file and the place in it.
 */
export function resolveProfile(body: ProfileBody, file: string, options: ResolveOptions): ResolvedProfile {
  const warnings: string[] = []
  const map: FileMap = options.map ?? []
  const context: Context = { reader: options.reader, map, warnings, loaded: new Map(), chain: [file] }
  const { parts, catalogs } = resolveBody(body, file, context)
  const { title, version } = body.metadata
  const controls = parts.flatMap(pickedControls).map(({ control }) => control)
  return { file, title, version, controls, outline: parts.flatMap(prunedOutline), catalogs, warnings }
}

function resolveBody(body: ProfileBody, file: string, context: Context): Loaded {
  const problems: Problem[] = []
  const { warnings } = context
  const resources = body['back-matter']?.resources ?? []
  const catalogs = new Set<Catalog>()
  const selected = body.imports.flatMap((each, index) => {
    const place = `imports[${index}]`
    const from = resolveReference({ file, place, href: each.href, resources }, context.map, context.reader)
    const source = load(from, `${place}: href "${each.href}"`, context)
    for (const catalog of source.catalogs) catalogs.add(catalog)
    return selectControls(source.parts, each, { file, place, from, problems, warnings })
  })
  const parts = problems.length > 0 ? [] : mergeParts(selected, body.merge, { file, problems, warnings })
  if (problems.length > 0) throw new InputError(problems)
  return { parts, catalogs: [...catalogs] }
}

function load(file: string, reference: string, context: Context): Loaded {
  if (file.startsWith(BUILTIN_PREFIX)) return loadBuiltin(file, reference, context)
  const key = absolute(file)
  const known = context.loaded.get(key)
  if (known !== undefined) return known
  refuseCircle(file, reference, context)
  const loaded = loadedFrom(parseOscal(context.reader.read(file), file), {
    ...context,
    chain: [...context.chain, file],
  })
  context.loaded.set(key, loaded)
  return loaded
}

function refuseCircle(file: string, reference: string, { chain }: Context): void {
  const start = chain.findIndex((each) => absolute(each) === absolute(file))
  if (start < 0) return
  const circle = [...chain.slice(start), file].join(' -> ')
  throw new InputError({ file: chain.at(-1) ?? file, message: `${reference}: circular import: ${circle}` })
}

function loadedFrom(document: OscalDocument, context: Context): Loaded {
  const { file } = document
  if (document.kind === 'profile') return resolveBody(document.body, file, context)
  return wholeCatalog(catalogFrom(document.body, file))
}

function loadBuiltin(file: string, reference: string, context: Context): Loaded {
  if (frameworkName(file.slice(BUILTIN_PREFIX.length)) !== NIST_800_53_REV5) {
    const message = `${reference}: there is no "${file}"; the built-in catalog is ${BUILTIN_PREFIX}${NIST_800_53_REV5}`
    throw new InputError({ file: context.chain.at(-1) ?? file, message })
  }
  const known = context.loaded.get(BUILTIN_PREFIX)
  const loaded = known ?? wholeCatalog(builtinCatalog())
  context.loaded.set(BUILTIN_PREFIX, loaded)
  return loaded
}

function wholeCatalog(catalog: Catalog): Loaded {
  return { parts: [{ tree: catalog.tree, picks: new Set(controlsOf(catalog.tree)) }], catalogs: [catalog] }
}
