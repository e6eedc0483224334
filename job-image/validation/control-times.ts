import type { ValidationPlan } from './plan.ts'

/** Time spent on decisions, in ms, per rule and per node of a plan. */
export type DecisionTimes = { readonly rules: Float64Array; readonly nodes: Float64Array }

export function noTimes(plan: ValidationPlan): DecisionTimes {
  return { rules: new Float64Array(plan.rules.length), nodes: new Float64Array(plan.nodes.length) }
}

/**
 * Microseconds per control, parallel to `plan.controls`. Controls with the same rule and prerequisites are decided once and
 * share that time in equal parts, so the sum over all controls is the total time.
 */
export function controlTimes(plan: ValidationPlan, times: DecisionTimes): number[] {
  const controlsOfNode = new Float64Array(plan.nodes.length)
  for (const node of plan.nodeOf) controlsOfNode[node]! += 1
  // A node that only a prerequisite needs belongs to no control; its time is small and is omitted.
  const controlsOfRule = new Float64Array(plan.rules.length)
  plan.nodes.forEach((node, index) => {
    if (node.fixed === undefined) controlsOfRule[node.rule]! += controlsOfNode[index]!
  })
  return plan.nodeOf.map((index) => {
    const node = plan.nodes[index]!
    const own = times.nodes[index]! / controlsOfNode[index]!
    const examined = node.fixed === undefined ? times.rules[node.rule]! / controlsOfRule[node.rule]! : 0
    return Math.round((own + examined) * 1000)
  })
}
