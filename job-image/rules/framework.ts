/** NIST SP 800-53 in any revision. In a rule pack it stands for all revisions. */
export const NIST_800_53 = 'nist-800-53'

/** The framework whose controls come with the program (see oscal/nist-index.ts). */
export const NIST_800_53_REV5 = `${NIST_800_53}-rev5`

/** 800-53, 800-53A or 800-53B, perhaps followed by its revision: `rev5`, `Rev. 5`, `Revision 5.1.1`, `r5`, `v5.2.0`. */
const NIST_PUBLICATION = /\b800 ?53[ab]? ?(?:(?:revision|rev|r|v) ?(\d))?\b/

/** FedRAMP's baselines select from NIST SP 800-53 of the same revision. */
const FEDRAMP = /\bfedramp(?: (?:revision|rev|r) ?(\d))?\b/

/** Another publication of the same series: SP 800-171, SP 800-82. */
const OTHER_PUBLICATION = /\b800 (?!53)\d+/

/** Words in a title or name of the complete catalog; any other word makes it a part or a variant. */
const CATALOG_WORDS = wordSet(
  'electronic oscal version of the nist special publication sp 800 53 53a and draft rev revision r v ' +
    'security privacy controls for federal information systems organizations assessment procedures catalog json yaml min',
)

/** Additional words in a title or name of a baseline of NIST SP 800-53B or of FedRAMP. */
const BASELINE_WORDS = wordSet(
  'fedramp 53b low moderate high impact baseline baselines li saas tailored resolved profile',
)

/** Words that identify no framework: RapidRMF itself calls NIST SP 800-53 just "NIST". */
const GENERAL_WORDS = wordSet(
  'nist oscal framework catalog control controls security compliance standard unknown none other custom default test na n a',
)

/** The claim of a text about NIST SP 800-53. */
export type NistClaim = {
  /** `nist-800-53-rev5`; `nist-800-53` where the text names no revision. */
  readonly framework: string
  /**
   * `whole`: the text is the name of the framework. `baseline`: that of a baseline of it. `mention`: it has other words
   * too, which may mean anything ("mapping to", "not").
   */
  readonly kind: 'whole' | 'baseline' | 'mention'
}

/** The claim of a title or name about NIST SP 800-53; undefined if it does not mention it. */
export function nistClaim(text: string): NistClaim | undefined {
  const words = wordsOf(text)
  const publication = NIST_PUBLICATION.exec(words)
  const fedramp = FEDRAMP.exec(words)
  if (publication === null && fedramp === null) return undefined
  const revision = publication?.[1] ?? fedramp?.[1]
  const framework = revision === undefined ? NIST_800_53 : `${NIST_800_53}-rev${revision}`
  const more = words
    .split(' ')
    .filter((word) => !CATALOG_WORDS.has(word) && !/^(?:53)?(?:r|rev|v)?\d+$/.test(word))
  if (OTHER_PUBLICATION.test(words) || more.some((word) => !BASELINE_WORDS.has(word))) {
    return { framework, kind: 'mention' }
  }
  return { framework, kind: more.length === 0 && publication !== null ? 'whole' : 'baseline' }
}

/**
 * One name for a framework however it is spelled: `nist-800-53-rev5` for "NIST SP 800-53 Rev. 5", NIST_SP-800-53_rev5
 * and "FedRAMP Rev 5 Moderate Baseline". Anything else is its own words in lower case, joined by dashes.
 */
export function frameworkName(text: string): string {
  const claim = nistClaim(text)
  return claim === undefined || claim.kind === 'mention' ? nameFrom(text) : claim.framework
}

/** True if a text identifies a framework; "NIST" or "custom" does not. */
export function namesFramework(text: string): boolean {
  return wordsOf(text)
    .split(' ')
    .some((word) => word !== '' && !GENERAL_WORDS.has(word))
}

/** True for NIST SP 800-53 in any revision: its ids have several spellings, and it has families. */
export function isNist80053(framework: string | undefined): boolean {
  return framework === NIST_800_53 || framework?.startsWith(`${NIST_800_53}-rev`) === true
}

/** True if `wide` includes `framework`: they are equal, or `wide` is NIST SP 800-53 without a revision. */
export function coversFramework(wide: string, framework: string | undefined): boolean {
  return wide === framework || (wide === NIST_800_53 && isNist80053(framework))
}

/**
 * `low`, `moderate`, `high` or `privacy` when `text` is the title of that baseline of NIST SP 800-53B and of nothing
 * else ("NIST Special Publication 800-53 Revision 5.2.0 LOW IMPACT BASELINE").
 */
export function nistBaselineIn(text: string): string | undefined {
  const words = wordsOf(text)
  const level = /\b(low|moderate|high|privacy) (?:impact )?baseline$/.exec(words)
  if (level === null) return undefined
  const claim = nistClaim(words.slice(0, level.index))
  return claim?.kind === 'whole' && claim.framework === NIST_800_53_REV5 ? level[1] : undefined
}

/** Names that differ in case, `-`, `_`, dots and spaces only are one name. */
export function nameKey(name: string): string {
  return wordsOf(name).replaceAll(' ', '')
}

/** A name made from a title or a file name: lower case, words joined by dashes. */
export function nameFrom(text: string): string {
  return wordsOf(text).replaceAll(' ', '-')
}

/** The words of a text in lower case, separated by single spaces. */
export function wordsOf(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(' '))
}
