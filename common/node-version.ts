/** The oldest Node release that has every feature in use, such as `Map.groupBy`. */
const OLDEST_NODE = 22

/** A sentence without its subject if this Node is too old to work with; otherwise undefined. */
export function nodeVersionProblem({ node }: Pick<NodeJS.ProcessVersions, 'node'>): string | undefined {
  if (Number(node.split('.', 1)[0]) >= OLDEST_NODE) return undefined
  return `needs Node ${OLDEST_NODE} or newer; this is ${node}`
}
