import { sha256Hex } from '../../common/sha256.ts'
import { canonicalControlId } from '../rules/control-id.ts'
import {
  NIST_800_53,
  NIST_800_53_REV5,
  coversFramework,
  nameFrom,
  namesFramework,
  nistClaim,
  wordsOf,
} from '../rules/framework.ts'
import type { NistClaim } from '../rules/framework.ts'
import { nistIndex } from './nist-index.ts'

/** A control as evidence of what framework it belongs to. */
export type TitledControl = { readonly id: string; readonly title: string }

export type Identity = {
  /** The framework as `frameworkName` spells it. */
  readonly framework: string
  /** True for the complete catalog of NIST SP 800-53, false for a baseline or a tailoring of it. */
  readonly whole: boolean
}

/** `catalogs.framework` is a varchar(100). */
const MAX_FRAMEWORK = 100

/**
 * The framework of an OSCAL document, by its title and by its controls. A title that is the name of NIST SP 800-53 or
 * of a baseline of it is sufficient. A title that mentions it with other words, or not at all, must be confirmed by the
 * controls. Any other document has its own framework, named after the title, or an unknown one.
 */
export function identifyDocument(title: string, controls: readonly TitledControl[]): Identity {
  const content = compareWithNist(controls)
  const claim = nistClaim(title)
  const framework = confirmed(claim, content) ?? ownName(title)
  return { framework, whole: isWhole(framework, claim, content) }
}

/** A row of `catalogs`, which may come from another program. */
export type StoredCatalog = {
  /** `catalogs.framework`. */
  readonly text: string
  readonly title: string
}

/**
 * The framework of a stored catalog: what its `framework` column names; where that names none ("NIST"), what title and
 * controls say. Undefined when it cannot be determined.
 */
export function identifyStored(
  { text, title }: StoredCatalog,
  controls: readonly TitledControl[],
): string | undefined {
  const content = compareWithNist(controls)
  if (!namesFramework(text)) return confirmed(nistClaim(title), content)
  const claim = nistClaim(text)
  return (claim === undefined ? undefined : confirmed(claim, content)) ?? nameFrom(text)
}

/** True if the row itself names the framework with its revision, so that `identifyStored` does not need its controls. */
export function namesItself({ text, title }: StoredCatalog): boolean {
  const claim = nistClaim(namesFramework(text) ? text : title)
  if (claim === undefined) return namesFramework(text)
  return claim.kind !== 'mention' && claim.framework !== NIST_800_53
}

/** True if a stored catalog is the complete one of NIST SP 800-53, decided as for a document, not by its name. */
export function isStoredWhole(
  title: string,
  framework: string | undefined,
  controls: readonly TitledControl[],
): boolean {
  return framework !== undefined && isWhole(framework, nistClaim(title), compareWithNist(controls))
}

/** The comparison of a catalog's controls with the built-in index of NIST SP 800-53 rev5. */
type Comparison = {
  /**
   * `agrees`: more than half of the controls have id and title of NIST's. `silent`: every id is one of NIST's and no
   * control has a title of its own. `differs`: anything else.
   */
  readonly verdict: 'agrees' | 'silent' | 'differs'
  /** True if controls match that only revision 5 has: it added the families PT and SR. */
  readonly isRev5: boolean
  /** The fraction of NIST's controls that are present, 0 to 1. */
  readonly share: number
}

function compareWithNist(controls: readonly TitledControl[]): Comparison {
  const { byId } = nistIndex()
  const agreeing = new Set<string>()
  let strangers = 0
  let titled = 0
  let agree = 0
  for (const { id, title } of controls) {
    const canonical = canonicalControlId(id, NIST_800_53) ?? ''
    const nist = byId.get(canonical)
    if (nist === undefined) strangers += 1
    if (isPlaceholder(title, id)) continue
    titled += 1
    if (nist === undefined || !isSameTitle(title, nist.title)) continue
    agree += 1
    agreeing.add(canonical)
  }
  const isSilent = titled === 0 && strangers === 0 && controls.length > 0
  return {
    verdict: agree * 2 > controls.length ? 'agrees' : isSilent ? 'silent' : 'differs',
    isRev5: [...agreeing].some((id) => /^(?:pt|sr)-/.test(id)),
    share: agreeing.size / byId.size,
  }
}

/** "AC-2" and "Control AC-2" are the id in place of a title. */
function isPlaceholder(title: string, id: string): boolean {
  const words = wordsOf(title).replace(/^control /, '')
  return words === '' || words === wordsOf(id)
}

/** NIST's spreadsheet writes an enhancement as "Account Management | Automated System Account Management". */
function isSameTitle(title: string, nist: string): boolean {
  const wanted = wordsOf(nist)
  return wordsOf(title) === wanted || wordsOf(title.slice(title.lastIndexOf('|') + 1)) === wanted
}

/** The framework that a claim and the controls agree on. */
function confirmed(claim: NistClaim | undefined, { verdict, isRev5 }: Comparison): string | undefined {
  const named = claim?.framework ?? NIST_800_53
  if (verdict === 'agrees') return named === NIST_800_53 && isRev5 ? NIST_800_53_REV5 : named
  if (claim !== undefined && claim.kind !== 'mention') return claim.framework
  // Controls that say nothing leave a text with words of its own in doubt, unless it goes as far as a revision.
  return verdict === 'silent' && named !== NIST_800_53 ? named : undefined
}

/** Nearly all controls are the whole of it under any title; a title counts if it is nothing but the framework's name. */
function isWhole(framework: string, claim: NistClaim | undefined, { share }: Comparison): boolean {
  if (claim?.kind === 'whole' && coversFramework(claim.framework, framework)) return true
  return framework === NIST_800_53_REV5 && share > 0.9
}

/**
 * The title's name, `unknown` for one that could be any catalog's ("Security controls"). A long one is cut, with a
 * digest of all of it in place of the rest: two frameworks never get one name by that.
 */
function ownName(title: string): string {
  const name = nameFrom(title)
  if (!namesFramework(name)) return 'unknown'
  const characters = Array.from(name)
  if (characters.length <= MAX_FRAMEWORK) return name
  const digest = sha256Hex(name).slice(0, 8)
  return `${characters.slice(0, MAX_FRAMEWORK - 9).join('')}-${digest}`
}
