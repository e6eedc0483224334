import { createHash } from 'node:crypto'
import { VERSION } from '../../common/version.ts'
import type { ValidationPlan } from './plan.ts'

/**
 * sha256 of all that decides, evidence and time apart: the controls in scope, their rules and requirements, the
 * prerequisites in and out of scope, and the code by its version. What is compiled is what decides, so nothing can be
 * forgotten.
 */
export function planDigest({ controls, nodeOf, nodes, rules, types }: ValidationPlan): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([VERSION, controls.map(({ id }) => id), nodeOf, nodes, rules, types]))
    .digest()
}
