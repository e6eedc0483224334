import { compileGlob, isGlob } from '../glob.ts'
import { canonicalControlId } from './control-id.ts'

/** Whether a control's canonical id (or the lower-case text of one that has none) is what was asked for. */
export type ControlMatcher = (canonical: string) => boolean

/** One control in any spelling, or a pattern with `*` and `?` over the usual one (`AC-*`, `ac-2(*)`). */
export function controlMatcher(wanted: string): ControlMatcher {
  const text = wanted.trim().toLowerCase()
  if (isGlob(text)) return compileGlob(commonSpelling(text))
  const exact = canonicalControlId(text) ?? text
  return (id) => id === exact
}

/** Spellings that a pattern may have in common with an id: AC-02*, AC-2(*). */
function commonSpelling(glob: string): string {
  return glob.replace(/\s*\(([^()]*)\)$/, '.$1').replaceAll(/(?<=[-.])0+(?=\d)/g, '')
}
