import { assetPath } from '../assets.ts'
import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import { BUILT_IN_PACK } from './load.ts'
import { readRulePack } from './rule-pack.ts'
import { mergePacks } from './rule-set.ts'
import type { RulePack } from './rule-set.ts'

export type LintResult = { readonly good: readonly RulePack[]; readonly problems: readonly Problem[] }

/** Checks each pack, then all that can be read together over the built-in one: all problems at once, none thrown. */
export function lintPacks(files: readonly string[]): LintResult {
  const problems: Problem[] = []
  const attempt = <T>(work: () => T): T[] => {
    try {
      return [work()]
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      problems.push(...thrown.problems)
      return []
    }
  }
  const packs = files.flatMap((file) => attempt(() => readRulePack(file)))
  attempt(() => mergePacks([readRulePack(assetPath(BUILT_IN_PACK)), ...packs]))
  const good = packs.filter((pack) => !problems.some(({ file }) => file === pack.file))
  return { good, problems }
}
