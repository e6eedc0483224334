import type { ValidationPlan } from './plan.ts'

/** Where the time of deciding went, in ms: one place for each rule and each node of a plan. */
export type DecisionTimes = { readonly rules: Float64Array; readonly nodes: Float64Array }

export function noTimes(plan: ValidationPlan): DecisionTimes {
  return { rules: new Float64Array(plan.rules.length), nodes: new Float64Array(plan.nodes.length) }
}

/**
 * Microseconds of each control, parallel to `plan.controls`. Controls that share a rule and its prerequisites are
 * decided once for all of them, so they share that time in equal parts: the sum over the controls is the time spent.
 */
export function controlTimes(plan: ValidationPlan, times: DecisionTimes): number[] {
  const controlsOfNode = new Float64Array(plan.nodes.length)
  for (const node of plan.nodeOf) controlsOfNode[node]! += 1
  // A node that only a prerequisite needs is nobody's own; its time is a small part, and left out.
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
