/** The framework whose controls come with the program (see nist-index.ts). */
export const NIST_800_53_REV5 = 'nist-800-53-rev5'

/** 800-53, 800-53A or 800-53B, followed by its revision: `rev5`, `Rev. 5`, `Revision 5.1.1`, `r5`, `v5.2.0`. */
const NIST_REVISION = /\b800 ?53[ab]? ?(?:revision|rev|r|v) ?(\d)(?:\b|_)/

/** FedRAMP's baselines select from NIST SP 800-53 of the same revision. */
const FEDRAMP_REVISION = /\bfedramp (?:revision|rev|r) ?(\d)\b/

/** What a title or file name of the complete catalog is made of; any other word makes it a part or a variant. */
const CATALOG_WORDS = new Set(
  (
    'electronic oscal version of the nist special publication sp 800 53 53a and draft rev revision r v ' +
    'security privacy controls for federal information systems organizations assessment procedures catalog json yaml min'
  ).split(' '),
)

/**
 * One name for a framework however it is spelled: `nist-800-53-rev5` for "NIST SP 800-53 Rev. 5", NIST_SP-800-53_rev5
 * and for titles that contain such words. Anything else is its own words in lower case, joined by dashes.
 */
export function canonicalFramework(text: string): string {
  const words = wordsOf(text)
  const revision = (NIST_REVISION.exec(words) ?? FEDRAMP_REVISION.exec(words))?.[1]
  return revision === undefined ? words.replaceAll(' ', '-') : `nist-800-53-rev${revision}`
}

export function isNistRev5(text: string): boolean {
  return canonicalFramework(text) === NIST_800_53_REV5
}

/**
 * The framework that `text` is the name of, undefined when it names something else or only a part of one ("… LOW
 * IMPACT BASELINE", "Acme's tailoring of …"): a part must never be taken for a new edition of the whole.
 */
export function wholeFramework(text: string): string | undefined {
  const words = wordsOf(text)
  if (!NIST_REVISION.test(words)) return undefined
  const foreign = words
    .split(' ')
    .filter((word) => !CATALOG_WORDS.has(word) && !/^(?:53)?(?:r|rev|v)?\d+$/.test(word))
  return foreign.length === 0 ? canonicalFramework(text) : undefined
}

/**
 * `low`, `moderate`, `high` or `privacy` when `text` is the title of that baseline of NIST SP 800-53B and of nothing
 * else ("NIST Special Publication 800-53 Revision 5.2.0 LOW IMPACT BASELINE").
 */
export function nistBaselineIn(text: string): string | undefined {
  const words = wordsOf(text)
  const level = /\b(low|moderate|high|privacy) (?:impact )?baseline$/.exec(words)
  if (level === null) return undefined
  return wholeFramework(words.slice(0, level.index)) === NIST_800_53_REV5 ? level[1] : undefined
}

/** Names that differ in case, `-`, `_`, dots and spaces only are one name. */
export function nameKey(name: string): string {
  return wordsOf(name).replaceAll(' ', '')
}

/** A name made from a title or a file name: lower case, words joined by dashes. */
export function nameFrom(text: string): string {
  return wordsOf(text).replaceAll(' ', '-')
}

function wordsOf(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}
