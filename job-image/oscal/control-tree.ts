/** A control or enhancement as a catalog has it. */
export type Control = {
  /** The spelling of the document, which globs match. */
  readonly id: string
  /** The canonical id within its framework (see rules/control-id.ts). */
  readonly canonical: string
  /** That of its own catalog. */
  readonly framework: string
  readonly title: string
  readonly withdrawn: boolean
  /** Canonical id of the control that it stands under in its own catalog. */
  readonly parent: string | undefined
  /** Id of the outermost group that it stands in. */
  readonly group: string | undefined
}

export type ControlNode = {
  readonly kind: 'control'
  readonly control: Control
  readonly children: readonly ControlNode[]
}

export type GroupNode = {
  readonly kind: 'group'
  readonly id: string | undefined
  readonly title: string
  readonly children: readonly OutlineNode[]
}

/** The structure of a catalog or of a resolved profile: groups and controls, in order. */
export type OutlineNode = GroupNode | ControlNode

/** Controls chosen from one structure. Nodes are compared by identity: an id may stand twice in a resolved profile. */
export type Part = {
  readonly tree: readonly OutlineNode[]
  readonly picks: ReadonlySet<ControlNode>
}

/** All controls of a structure, depth first. */
export function controlsOf(nodes: readonly OutlineNode[]): ControlNode[] {
  return nodes.flatMap((node) =>
    node.kind === 'control' ? [node, ...controlsOf(node.children)] : controlsOf(node.children),
  )
}

/** The chosen controls in the order of their structure. */
export function pickedControls({ tree, picks }: Part): ControlNode[] {
  return controlsOf(tree).filter((node) => picks.has(node))
}

/**
 * The structure with only the chosen controls. The child of a control that is not chosen moves up to where that one
 * stood; groups that become empty go (OSCAL profile resolution, "merge as-is").
 */
export function prunedOutline({ tree, picks }: Part): OutlineNode[] {
  const prune = (nodes: readonly OutlineNode[]): OutlineNode[] =>
    nodes.flatMap((node): OutlineNode[] => {
      if (node.kind === 'control') return pruneControl(node, picks)
      const children = prune(node.children)
      return children.length === 0 ? [] : [{ ...node, children }]
    })
  return prune(tree)
}

function pruneControl(node: ControlNode, picks: ReadonlySet<ControlNode>): ControlNode[] {
  const children = node.children.flatMap((child) => pruneControl(child, picks))
  return picks.has(node) ? [{ ...node, children }] : children
}
