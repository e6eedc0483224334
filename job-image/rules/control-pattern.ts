import { compileGlob, isGlob } from '../../common/glob.ts'
import { canonicalControlId } from './control-id.ts'
import { NIST_800_53, isNist80053 } from './framework.ts'

/** An id in the form that matchers compare: made once for each control, however many patterns there are. */
export type ComparableId = {
  readonly text: string
  /** True for NIST SP 800-53, whose ids have several spellings. */
  readonly isNist: boolean
}

/** True if a control matches the pattern. */
export type ControlMatcher = (id: ComparableId) => boolean

/** `controlId` in any spelling, of a framework that may be not known. */
export function comparableId(controlId: string, framework: string | undefined): ComparableId {
  const text = dotted(canonicalControlId(controlId, framework) ?? controlId.toLowerCase())
  return { text, isNist: isNist80053(framework) }
}

/**
 * One control, or a pattern with `*` and `?` (`AC-*`, `ac-2(*)`), in upper or lower case. Controls of NIST SP 800-53
 * are found by any spelling (AC-02, AC-2(1)), those of other frameworks by their published one.
 */
export function controlMatcher(wanted: string): ControlMatcher {
  const text = wanted.trim().toLowerCase()
  const inNist = isGlob(text) ? compileGlob(nistSpelling(text)) : isEqual(text, NIST_800_53)
  const elsewhere = isGlob(text) ? compileGlob(dotted(text)) : isEqual(text, undefined)
  return (id) => (id.isNist ? inNist : elsewhere)(id.text)
}

function isEqual(wanted: string, framework: string | undefined): (text: string) => boolean {
  const exact = comparableId(wanted, framework).text
  return (text) => text === exact
}

/** Spellings that a pattern may have in common with an id of NIST SP 800-53: AC-02*, AC-2(*). */
function nistSpelling(glob: string): string {
  return dotted(glob).replaceAll(/(?<=[-.])0+(?=\d)/g, '')
}

/** Spells AC-2(1) as `AC-2.1` in all frameworks: matchers treat both as equal. */
export function dotted(text: string): string {
  return text.replace(/\s*\(([^()]*)\)$/, '.$1')
}
