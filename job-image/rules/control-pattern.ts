import { compileGlob, isGlob } from '../glob.ts'
import { canonicalControlId } from './control-id.ts'
import { NIST_800_53, isNist80053 } from './framework.ts'

/** A control as a pattern sees it. */
export type MatchableControl = {
  /** As stored, in any spelling. */
  readonly controlId: string
  /** Undefined when it is not known. */
  readonly framework: string | undefined
}

/** Whether a control is what was asked for. */
export type ControlMatcher = (control: MatchableControl) => boolean

/**
 * One control, or a pattern with `*` and `?` (`AC-*`, `ac-2(*)`), in upper or lower case. Controls of NIST SP 800-53
 * are found by any spelling (AC-02, AC-2(1)), those of other frameworks by their published one.
 */
export function controlMatcher(wanted: string): ControlMatcher {
  const text = wanted.trim().toLowerCase()
  const inNist = isGlob(text) ? compileGlob(nistSpelling(text)) : isEqual(comparableId(text, NIST_800_53))
  const elsewhere = isGlob(text) ? compileGlob(dotted(text)) : isEqual(comparableId(text, undefined))
  return ({ controlId, framework }) =>
    (isNist80053(framework) ? inNist : elsewhere)(comparableId(controlId, framework))
}

/** The canonical id, or the lower-case text of one that has none. Brackets at the end and a dot are one outside of it. */
function comparableId(text: string, framework: string | undefined): string {
  return dotted(canonicalControlId(text, framework) ?? text.toLowerCase())
}

function isEqual(exact: string): (id: string) => boolean {
  return (id) => id === exact
}

/** Spellings that a pattern may have in common with an id of NIST SP 800-53: AC-02*, AC-2(*). */
function nistSpelling(glob: string): string {
  return dotted(glob).replaceAll(/(?<=[-.])0+(?=\d)/g, '')
}

/** `AC-2.1` for AC-2(1), without a look at its framework: matchers take both for one. */
export function dotted(text: string): string {
  return text.replace(/\s*\(([^()]*)\)$/, '.$1')
}
