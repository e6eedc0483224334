/** `control` needs `requires` first. */
export type Edge = { readonly control: string; readonly requires: string }

export type Ordering =
  { readonly order: readonly string[]; readonly cycle?: undefined } | { readonly cycle: readonly string[] }

/**
 * All ids named by the edges, what is required before what requires it; or one cycle, as the path that closes it
 * (first id repeated at the end). Without recursion: the length of a chain is up to the author of a pack.
 */
export function orderByPrerequisites(edges: readonly Edge[]): Ordering {
  const requires = adjacency(edges, (edge) => [edge.control, edge.requires])
  const requiredBy = adjacency(edges, (edge) => [edge.requires, edge.control])
  const open = new Map([...requires].map(([id, targets]) => [id, targets.length]))
  const order = [...open.keys()].filter((id) => open.get(id) === 0)
  for (const done of order) {
    for (const id of requiredBy.get(done) ?? []) {
      const left = (open.get(id) ?? 0) - 1
      open.set(id, left)
      if (left === 0) order.push(id)
    }
  }
  if (order.length === open.size) return { order }
  return { cycle: findCycle(requires, new Set(order)) }
}

/** Every id that one of `ids` needs, directly or through others; not the ids themselves unless another needs them. */
export function requiredClosure(edges: readonly Edge[], ids: Iterable<string>): Set<string> {
  const requires = adjacency(edges, (edge) => [edge.control, edge.requires])
  const found = new Set<string>()
  const queue = [...ids]
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    for (const target of requires.get(id) ?? []) {
      if (found.has(target)) continue
      found.add(target)
      queue.push(target)
    }
  }
  return found
}

function adjacency(edges: readonly Edge[], ends: (edge: Edge) => [string, string]): Map<string, string[]> {
  const map = new Map<string, string[]>()
  for (const edge of edges) {
    const [from, to] = ends(edge)
    const targets = map.get(from)
    if (targets === undefined) map.set(from, [to])
    else targets.push(to)
    if (!map.has(to)) map.set(to, [])
  }
  return map
}

/** Whatever could not be ordered needs something else that could not: following that always comes back. */
function findCycle(requires: ReadonlyMap<string, readonly string[]>, ordered: ReadonlySet<string>): string[] {
  const start = [...requires.keys()].find((id) => !ordered.has(id))
  const path: string[] = []
  const positions = new Map<string, number>()
  let id = start
  while (id !== undefined && !positions.has(id)) {
    positions.set(id, path.length)
    path.push(id)
    id = requires.get(id)?.find((target) => !ordered.has(target))
  }
  if (id === undefined) return path
  return [...path.slice(positions.get(id)), id]
}
