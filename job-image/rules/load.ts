import { assetPath } from '../assets.ts'
import { readRulePack } from './rule-pack.ts'
import { mergePacks } from './rule-set.ts'
import type { RuleSet } from './rule-set.ts'

export const BUILT_IN_PACK = 'nist-800-53-rev5.rules.yaml'

/** The built-in pack with the user's (paths of files, in this order) merged over it. Throws InputError. */
export function loadRuleSet({ packs = [] }: { readonly packs?: readonly string[] } = {}): RuleSet {
  return mergePacks([assetPath(BUILT_IN_PACK), ...packs].map(readRulePack))
}
