import { isAlias, isCollection, isPair, isScalar, visit } from 'yaml'
import type { Alias, Document, Node } from 'yaml'

/** An offset in the text, and what is wrong there. */
export type AliasProblem = { readonly offset: number | undefined; readonly message: string }

/** The number of YAML nodes that a document may have once each alias is replaced by what it stands for. */
export const MAX_NODES = 2_000_000

export const DANGLING_ALIAS = 'an alias (*name) without its anchor; a text that begins with * needs quotes'
const CYCLE = 'an alias (*name) inside of its own anchor; a map or a list cannot hold itself'
const TOO_LARGE = `the aliases (*name) of this document stand for more than ${MAX_NODES} values; repeat less`

type Place = { readonly alias: Alias; readonly key: unknown; readonly parent: unknown }

/**
 * Puts the node that each alias stands for in the alias's place, so that what reads the document meets no alias any
 * more. What comes out is limited by its size and not by the number of aliases: a hundred systems may share their
 * evidence, and a few lines must not unfold to gigabytes ("billion laughs"). With problems nothing is replaced.
 */
export function resolveAliases(document: Document): AliasProblem[] {
  const places: Place[] = []
  const targets = new Map<Alias, Node>()
  const anchors = new Map<string, Node>()
  const problems: AliasProblem[] = []
  const addProblem = (alias: Alias | undefined, message: string): void => {
    problems.push({ offset: alias?.range?.[0], message })
  }
  // In the order of the text: an alias means the latest node before it that has the anchor (YAML 1.2.2, section 7.1).
  visit(document, {
    Node: (key, node, path) => {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node)
        return
      }
      const target = anchors.get(node.source)
      if (target === undefined) addProblem(node, DANGLING_ALIAS)
      else targets.set(node, target)
      places.push({ alias: node, key, parent: path.at(-1) })
    },
  })
  if (problems.length > 0 || places.length === 0) return problems
  const { size, cycle } = measure(document.contents, targets)
  if (cycle !== undefined) addProblem(cycle, CYCLE)
  else if (size > MAX_NODES) addProblem(places.at(-1)?.alias, TOO_LARGE)
  else for (const place of places) replace(place, targets)
  return problems
}

type Size = { readonly size: number; readonly cycle?: Alias }

/** The number of nodes with all aliases replaced, each node measured once. */
function measure(root: unknown, targets: ReadonlyMap<Alias, Node>): Size {
  const sizes = new Map<unknown, number>()
  const open = new Set<unknown>()
  let cycle: Alias | undefined
  const sizeOf = (node: unknown): number => {
    const known = sizes.get(node)
    if (known !== undefined) return known
    open.add(node)
    let size = 1
    if (isAlias(node)) {
      const target = targets.get(node)
      if (open.has(target)) cycle ??= node
      else size = sizeOf(target)
    } else if (isPair(node)) size = sizeOf(node.key) + sizeOf(node.value)
    else if (isCollection(node)) for (const item of node.items) size += sizeOf(item)
    open.delete(node)
    sizes.set(node, size)
    return size
  }
  const size = sizeOf(root)
  return cycle === undefined ? { size } : { size, cycle }
}

function replace({ alias, key, parent }: Place, targets: ReadonlyMap<Alias, Node>): void {
  const target = targets.get(alias)
  if (isPair(parent)) {
    if (key === 'key') parent.key = target
    else parent.value = target
  } else if (isCollection(parent)) parent.items[Number(key)] = target
}

/** The second of two equal keys of one map. Found with a set: the parser's own check compares each with each. */
export function repeatedKeys(document: Document): (number | undefined)[] {
  const repeated: (number | undefined)[] = []
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        if (!isScalar(key)) continue
        if (seen.has(key.value)) repeated.push(key.range?.[0])
        seen.add(key.value)
      }
    },
  })
  return repeated
}
