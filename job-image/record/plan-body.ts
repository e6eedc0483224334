import type { ValidationPlan } from '../validation/plan.ts'
import { bitText } from './bits.ts'

/** The stored form of a plan: everything that decisions depend on besides evidence and time. */
type PlanBody = Pick<ValidationPlan, 'nodeOf' | 'nodes' | 'rules' | 'types'> & {
  readonly version: number
  readonly controls: readonly {
    readonly id: number
    readonly catalogId: number
    readonly controlId: string
  }[]
}

/** Version of the stored form. A reader refuses a newer one. */
const BODY_VERSION = 1

/** The plan as JSON, and the bits of the controls whose status is unknown for every system. */
export function encodePlan(plan: ValidationPlan): { readonly body: string; readonly unknown: string } {
  const { nodeOf, nodes, rules, types } = plan
  const controls = plan.controls.map(({ id, catalogId, controlId }) => ({ id, catalogId, controlId }))
  const body: PlanBody = { version: BODY_VERSION, controls, nodeOf, nodes, rules, types }
  return {
    body: JSON.stringify(body),
    unknown: bitText(nodeOf, (node) => nodes[node]?.fixed?.status === 'unknown'),
  }
}

/** A plan that evaluates systems as the stored one did. Throws a RangeError for a stored form of a newer version. */
export function decodePlan(text: string): ValidationPlan {
  const { version, controls, nodeOf, nodes, rules, types } = JSON.parse(text) as PlanBody
  if (version !== BODY_VERSION) {
    throw new RangeError(
      `the plan has version ${version} of its stored form; this program reads ${BODY_VERSION}`,
    )
  }
  return {
    controls: controls.map((control) => ({ ...control, framework: undefined, requirements: [] })),
    nodeOf,
    nodes,
    rules,
    types,
    typeIndex: new Map(types.map((type, index) => [type, index])),
    invalidControls: [],
  }
}
