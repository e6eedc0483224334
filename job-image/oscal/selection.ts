import type { Problem } from '../errors.ts'
import { canonicalControlId } from '../rules/control-id.ts'
import { NIST_800_53 } from '../rules/framework.ts'
import { controlsOf, pickedControls } from './control-tree.ts'
import type { ControlNode, Part } from './control-tree.ts'
import type { SelectionBody, SelectorBody } from './schema.ts'

/** The source of a selection, and its name for messages. */
export type SelectionContext = {
  /** The profile that selects. */
  readonly file: string
  /** The selection's place in the profile: `imports[0]`. */
  readonly place: string
  /** The document that is selected from. */
  readonly from: string
  readonly problems: Problem[]
  readonly warnings: string[]
  /**
   * Whether an id that is not there is ignored with a warning instead of refused. An import selects from a catalog,
   * where that is a misspelling; `insert-controls` arranges what the imports have selected already (OSCAL profile
   * resolution, "Inserting Controls").
   */
  readonly ignoreMissing?: boolean
}

/**
 * The parts with only the controls that a selection takes (OSCAL profile resolution, "selection"): what is included
 * less what is excluded. Problems go to the context's problems.
 */
export function selectControls(
  parts: readonly Part[],
  selection: SelectionBody,
  context: SelectionContext,
): Part[] {
  const includes = selection['include-controls']
  const all = selection['include-all'] !== undefined
  if (all === (includes !== undefined)) {
    const message = all
      ? 'has both include-all and include-controls'
      : 'has neither include-all nor include-controls'
    context.problems.push(problemAt(context, '', `${message}: exactly one of them is needed`))
    return []
  }
  const included = all ? allPicks(parts) : chosenBy(parts, includes ?? [], 'include-controls', context)
  const excluded = chosenBy(parts, selection['exclude-controls'] ?? [], 'exclude-controls', context)
  return parts.map(({ tree }) => ({
    tree,
    picks: new Set(controlsOf(tree).filter((node) => included.has(node) && !excluded.has(node))),
  }))
}

function allPicks(parts: readonly Part[]): Set<ControlNode> {
  return new Set(parts.flatMap(pickedControls))
}

type Member = 'include-controls' | 'exclude-controls'

function chosenBy(
  parts: readonly Part[],
  selectors: readonly SelectorBody[],
  member: Member,
  context: SelectionContext,
): Set<ControlNode> {
  const available = parts.flatMap(pickedControls)
  const byId = Map.groupBy(available, ({ control }) => control.canonical)
  const chosen = new Set<ControlNode>()
  for (const [index, selector] of selectors.entries()) {
    const place = `.${member}[${index}]`
    const named = (selector['with-ids'] ?? []).flatMap((id) => nodesOf(id, byId, place, context))
    const matched = (selector.matching ?? []).flatMap(({ pattern = '' }) =>
      matching(pattern, available, place, context),
    )
    const roots = [...named, ...matched]
    const nodes = selector['with-child-controls'] === 'yes' ? controlsOf(roots) : roots
    for (const node of nodes) chosen.add(node)
  }
  return chosen
}

/** An id of an import that names nothing is an error in both directions: a misspelt exclusion would have no effect. */
function nodesOf(
  id: string,
  byId: ReadonlyMap<string, ControlNode[]>,
  place: string,
  context: SelectionContext,
): ControlNode[] {
  // How an id may be spelled depends on the framework of the catalog that the control comes from.
  const spellings = new Set([NIST_800_53, undefined].map((each) => canonicalControlId(id, each) ?? id))
  const nodes = [...spellings]
    .flatMap((each) => byId.get(each) ?? [])
    .filter(({ control }) => control.canonical === canonicalControlId(id, control.framework))
  if (nodes.length > 0) return nodes
  const problem = problemAt(context, `${place}.with-ids`, `control "${id}" is not in ${context.from}`)
  if (context.ignoreMissing === true) context.warnings.push(`${context.file}: ${problem.message}`)
  else context.problems.push(problem)
  return []
}

function matching(
  pattern: string,
  available: readonly ControlNode[],
  place: string,
  context: SelectionContext,
): ControlNode[] {
  const nodes = available.filter(({ control }) => matchesGlob(pattern, control.id))
  if (nodes.length === 0) {
    const { file, place: at, from } = context
    context.warnings.push(
      `${file}: ${at}${place}.matching: the pattern "${pattern}" matches no control of ${from}`,
    )
  }
  return nodes
}

/**
 * A glob over the whole id: `*` any characters, `?` one; every other character stands for itself. An empty pattern
 * matches nothing. Greedy with one point to return to, so that many stars cannot make it slow.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  if (pattern === '') return false
  let at = 0
  let from = 0
  let star = -1
  let resume = 0
  while (at < text.length) {
    if (pattern[from] === '*') {
      star = from
      resume = at
      from += 1
    } else if (pattern[from] === '?' || pattern[from] === text[at]) {
      from += 1
      at += 1
    } else if (star >= 0) {
      resume += 1
      at = resume
      from = star + 1
    } else {
      return false
    }
  }
  return /^\**$/.test(pattern.slice(from))
}

function problemAt({ file, place }: SelectionContext, member: string, message: string): Problem {
  return { file, message: `${place}${member}: ${message}` }
}
