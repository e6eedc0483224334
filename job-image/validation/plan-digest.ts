import { sha256 } from '../../common/sha256.ts'
import { VERSION } from '../../common/version.ts'
import type { ValidationPlan } from './plan.ts'

/**
 * sha256 of all inputs of decisions except evidence and time: the controls in scope, their rules and requirements, all
 * prerequisites, and the version of the code. It covers the compiled plan, so it misses no input.
 */
export function planDigest({ controls, nodeOf, nodes, rules, types }: ValidationPlan): Buffer {
  return sha256(JSON.stringify([VERSION, controls.map(({ id }) => id), nodeOf, nodes, rules, types]))
}
