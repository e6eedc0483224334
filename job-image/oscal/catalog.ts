import { InputError } from '../errors.ts'
import { MAX_ID_LENGTH, canonicalControlId } from '../rules/control-id.ts'
import { identifyDocument } from './identify.ts'
import { nistIndex } from './nist-index.ts'
import { controlsOf } from './control-tree.ts'
import type { ControlNode, GroupNode, OutlineNode } from './control-tree.ts'
import type { CatalogBody, ControlBody, GroupBody } from './schema.ts'

/** A catalog, from a file or built in. */
export type Catalog = {
  readonly file: string
  readonly title: string
  readonly version: string
  readonly framework: string
  /** The complete catalog of NIST SP 800-53, of the revision that `framework` names. */
  readonly whole: boolean
  /** Made by resolving a profile: a selection, not the whole of a framework. */
  readonly resolved: boolean
  readonly tree: readonly OutlineNode[]
}

/** Links that a resolver adds to the metadata of its result: OSCAL's names, and FedRAMP's `resolution-source`. */
const RESOLUTION_LINKS = new Set(['source-profile', 'resolution-source'])

/**
 * The catalog's structure; an id that is none, or that stands twice, is an InputError that names file and id. The
 * framework is `given`, else what the document's title and controls say; never what the file is called.
 */
export function catalogFrom(body: CatalogBody, file: string, given?: string): Catalog {
  const { title, version, props = [], links = [] } = body.metadata
  const identity = identifyDocument(title, titledControls(body))
  const framework = given ?? identity.framework
  const source = { file, framework }
  const tree = [
    ...(body.groups ?? []).map((group) => groupNode(group, group.id, source)),
    ...(body.controls ?? []).map((control) => controlNode(control, {}, source)),
  ]
  refuseDuplicates(tree, file)
  const resolved =
    props.some(({ name }) => name === 'resolution-tool') ||
    links.some(({ rel = '' }) => RESOLUTION_LINKS.has(rel))
  const whole = identity.whole && identity.framework === framework && !resolved
  return { file, title, version, framework, whole, resolved, tree }
}

/** All controls, in any group: their ids can be parsed only once the framework is known. */
function titledControls({ groups = [], controls = [] }: GroupBody | CatalogBody): ControlBody[] {
  const nested = (control: ControlBody): ControlBody[] => [
    control,
    ...(control.controls ?? []).flatMap(nested),
  ]
  return [...groups.flatMap(titledControls), ...controls.flatMap(nested)]
}

/** The common parts of the nodes of a document. */
type Source = { readonly file: string; readonly framework: string }

function groupNode(group: GroupBody, outermost: string | undefined, source: Source): GroupNode {
  const children = [
    ...(group.groups ?? []).map((inner) => groupNode(inner, outermost ?? inner.id, source)),
    ...(group.controls ?? []).map((control) => controlNode(control, { group: outermost }, source)),
  ]
  return { kind: 'group', id: group.id, title: group.title, children }
}

type Place = { readonly group?: string | undefined; readonly parent?: string }

function controlNode(body: ControlBody, { group, parent }: Place, source: Source): ControlNode {
  const { file, framework } = source
  const canonical = canonicalControlId(body.id, framework)
  if (canonical === undefined) {
    throw new InputError({ file, message: `control "${body.id}": ${idProblem(body.id)}` })
  }
  const children = (body.controls ?? []).map((child) =>
    controlNode(child, { group, parent: canonical }, source),
  )
  const { id, title } = body
  return {
    kind: 'control',
    control: { id, canonical, framework, title, withdrawn: isWithdrawn(body), parent, group },
    children,
  }
}

function idProblem(id: string): string {
  return id.trim().length > MAX_ID_LENGTH
    ? `its id has more than ${MAX_ID_LENGTH} characters, which controls.control_id cannot hold, and an id is never cut: shorten it in a copy of the document`
    : 'not a control id (letters and digits with . _ : / - between them)'
}

/** Revision 4 writes `Withdrawn`, revision 5 `withdrawn`. */
function isWithdrawn({ props = [] }: ControlBody): boolean {
  return props.some(({ name, value }) => name === 'status' && value.trim().toLowerCase() === 'withdrawn')
}

function refuseDuplicates(tree: readonly OutlineNode[], file: string): void {
  const seen = new Map<string, string>()
  for (const { control } of controlsOf(tree)) {
    const first = seen.get(control.canonical)
    if (first !== undefined) {
      const as = first === control.id ? '' : ` (also spelled "${first}")`
      throw new InputError({ file, message: `control "${control.id}"${as} stands twice in this catalog` })
    }
    seen.set(control.canonical, control.id)
  }
}

/** The prefix that selects a built-in catalog instead of a file: `--map KEY=builtin:nist-800-53-rev5`. */
export const BUILTIN_PREFIX = 'builtin:'

/** NIST SP 800-53 rev5 from the built-in index, in the shape of a catalog read from a file. */
export function builtinCatalog(): Catalog {
  const { framework, title, version, families, controls } = nistIndex()
  const children = Map.groupBy(controls, ({ parent }) => parent)
  const nodeOf = (entry: (typeof controls)[number]): ControlNode => ({
    kind: 'control',
    control: { ...entry, canonical: entry.id, framework, group: entry.family },
    children: (children.get(entry.id) ?? []).map(nodeOf),
  })
  const tree = families.map((family): GroupNode => {
    const base = (children.get(undefined) ?? []).filter((entry) => entry.family === family.id)
    return { kind: 'group', ...family, children: base.map(nodeOf) }
  })
  const file = `${BUILTIN_PREFIX}${framework}`
  return { file, title, version, framework, whole: true, resolved: false, tree }
}
