import type { Problem } from '../errors.ts'
import { compareControlIds } from '../rules/control-id.ts'
import { pickedControls } from './control-tree.ts'
import type { ControlNode, OutlineNode, Part } from './control-tree.ts'
import type { CustomGroupBody, InsertionBody, MergeBody } from './schema.ts'
import { selectControls } from './selection.ts'
import type { SelectionContext } from './selection.ts'

type MergeContext = Omit<SelectionContext, 'place' | 'from'>

/** The selections of a profile's imports as one structure (OSCAL profile resolution, "merge"). */
export function mergeParts(
  parts: readonly Part[],
  merge: MergeBody | undefined,
  context: MergeContext,
): Part[] {
  const combined = combine(parts, merge, context)
  const structures = structuresOf(merge)
  if (structures.length > 1) {
    context.problems.push(
      problemAt(context, `has ${structures.join(' and ')}: at most one structure is allowed`),
    )
  }
  if (merge?.custom !== undefined) return custom(combined, merge.custom, context)
  return merge?.['as-is'] === true ? combined : [flat(combined)]
}

function structuresOf(merge: MergeBody | undefined): string[] {
  const present = {
    flat: merge?.flat !== undefined,
    'as-is': merge?.['as-is'] === true,
    custom: merge?.custom !== undefined,
  }
  return Object.entries(present).flatMap(([name, is]) => (is ? [name] : []))
}

/**
 * One selection after the other. Selections from the same structure become one, in that structure's order. A control
 * chosen before is dropped by `use-first`; otherwise it stays, as a selection of its own. The deprecated method
 * `merge` is taken as `use-first`: the two give the same ids.
 */
function combine(parts: readonly Part[], merge: MergeBody | undefined, context: MergeContext): Part[] {
  const method = merge?.combine?.method ?? 'keep'
  if (method === 'merge') {
    context.warnings.push(
      `${context.file}: merge.combine: the method "merge" is deprecated; taken as "use-first"`,
    )
  }
  const seen = new Set<string>()
  const clashing = new Set<string>()
  const combined: Part[] = []
  for (const part of parts) {
    const { fresh, again } = divide(pickedControls(part), seen, method === 'keep')
    addTo(combined, part.tree, fresh)
    if (method !== 'keep' || again.length === 0) continue
    for (const { control } of again) clashing.add(control.canonical)
    combined.push({ tree: part.tree, picks: new Set(again) })
  }
  if (method === 'keep' && clashing.size > 0) {
    const ids = [...clashing].join(', ')
    context.warnings.push(
      `${context.file}: chosen by more than one import (merge.combine "use-first" keeps one): ${ids}`,
    )
  }
  return combined
}

/**
 * What no earlier selection has, and what one has; `seen` learns the ids. An import that itself holds an id twice
 * keeps both together under `keep`.
 */
function divide(
  nodes: readonly ControlNode[],
  seen: Set<string>,
  keep: boolean,
): { fresh: ControlNode[]; again: ControlNode[] } {
  const before = keep ? new Set(seen) : seen
  const fresh: ControlNode[] = []
  const again: ControlNode[] = []
  for (const node of nodes) {
    const { canonical } = node.control
    ;(before.has(canonical) ? again : fresh).push(node)
    seen.add(canonical)
  }
  return { fresh, again }
}

function addTo(combined: Part[], tree: readonly OutlineNode[], nodes: readonly ControlNode[]): void {
  if (nodes.length === 0) return
  const index = combined.findIndex((part) => part.tree === tree)
  const before = combined[index]
  if (before === undefined) combined.push({ tree, picks: new Set(nodes) })
  else combined[index] = { tree, picks: new Set([...before.picks, ...nodes]) }
}

/** No groups, no nesting. */
function flat(parts: readonly Part[]): Part {
  return wholeOf(parts.flatMap(pickedControls).map(leaf))
}

function leaf({ control }: ControlNode): ControlNode {
  return { kind: 'control', control, children: [] }
}

function wholeOf(tree: readonly OutlineNode[]): Part {
  const collect = (nodes: readonly OutlineNode[]): ControlNode[] =>
    nodes.flatMap((node) => (node.kind === 'control' ? [node] : collect(node.children)))
  return { tree, picks: new Set(collect(tree)) }
}

type Custom = NonNullable<MergeBody['custom']>

/** The profile's own groups. What none of them inserts is not in the result, so that is said aloud. */
function custom(parts: readonly Part[], body: Custom, context: MergeContext): Part[] {
  const inserted = new Set<string>()
  const insert = (bodies: readonly InsertionBody[] = [], place: string): ControlNode[] =>
    bodies.flatMap((each, index) => {
      const at = {
        ...context,
        place: `${place}.insert-controls[${index}]`,
        from: "this profile's selection",
        ignoreMissing: true,
      }
      const nodes = ordered(selectControls(parts, each, at).flatMap(pickedControls), each.order)
      for (const { control } of nodes) inserted.add(control.canonical)
      return nodes.map(leaf)
    })
  const groups = (bodies: readonly CustomGroupBody[] = [], place: string): OutlineNode[] =>
    bodies.flatMap(({ id, title, groups: inner, 'insert-controls': controls }, index) => {
      const at = `${place}.groups[${index}]`
      const children = [...groups(inner, at), ...insert(controls, at)]
      return children.length === 0 ? [] : [{ kind: 'group', id, title, children }]
    })
  const place = 'merge.custom'
  const tree = [...groups(body.groups, place), ...insert(body['insert-controls'], place)]
  const left = parts.flatMap(pickedControls).filter(({ control }) => !inserted.has(control.canonical))
  if (left.length > 0) {
    const ids = [...new Set(left.map(({ control }) => control.canonical))].join(', ')
    context.warnings.push(
      `${context.file}: ${place}: selected, but inserted by no group and so left out: ${ids}`,
    )
  }
  return [wholeOf(tree)]
}

function ordered(nodes: readonly ControlNode[], order: InsertionBody['order']): ControlNode[] {
  if (order === undefined || order === 'keep') return [...nodes]
  const ascending = nodes.toSorted((a, b) => compareControlIds(a.control.canonical, b.control.canonical))
  return order === 'ascending' ? ascending : ascending.toReversed()
}

function problemAt({ file }: MergeContext, message: string): Problem {
  return { file, message: `merge: ${message}` }
}
