/** NIST SP 800-53 spellings of a control or an enhancement: AC-2, ac-02, AC-2(1), AC-02 (01), ac-2.1. */
const NIST_ID = /^([a-z]+)-(\d+)(?:\.(\d+)|\s*\(\s*(\d+)\s*\))?$/

/** Ids of other frameworks: words joined by one mark each (s1.1.1, cc6.1), with items in brackets (164.308(a)). */
const OTHER_ID = /^[a-z0-9]+(?:[._:/-][a-z0-9]+|\([a-z0-9]+\))*$/

/** Hyphens that word processors put in place of the plain one. */
const FANCY_HYPHENS = /[\u2010-\u2015\u2212]/g

/** `controls.control_id` is a varchar(50): nothing longer is an id. */
const MAX_LENGTH = 50

/**
 * The one spelling by which we know a control: `ac-2.1` for AC-2(1), AC-02(01), ac-2.1 and the like.
 * Ids of other frameworks are lower-cased as they are; what cannot be an id at all is undefined.
 */
export function canonicalControlId(text: string): string | undefined {
  const id = text.trim().replace(FANCY_HYPHENS, '-').toLowerCase()
  if (id.length > MAX_LENGTH) return undefined
  const nist = NIST_ID.exec(id)
  if (nist === null) return OTHER_ID.test(id) ? id : undefined
  const [, family = '', number = '', dotted, bracketed] = nist
  const enhancement = dotted ?? bracketed
  const base = `${family}-${withoutZeros(number)}`
  return enhancement === undefined ? base : `${base}.${withoutZeros(enhancement)}`
}

/** As the database stores it and people read it: `AC-2.1`. */
export function displayControlId(canonical: string): string {
  return canonical.toUpperCase()
}

/** The letters before the dash in upper case (`AC`), undefined for ids that are not of that shape (`s1.1.1`). */
export function familyOf(canonical: string): string | undefined {
  return /^([a-z]+)-\d/.exec(canonical)?.[1]?.toUpperCase()
}

/** The control that an enhancement belongs to (`ac-2` of `ac-2.1`), undefined when the id is not an enhancement's. */
export function baseControlId(canonical: string): string | undefined {
  return /^([a-z]+-\d+)\.\d+$/.exec(canonical)?.[1]
}

/** Orders canonical ids as people count: ac-2 before ac-10, a control before its enhancements. */
export function compareControlIds(a: string, b: string): number {
  return compareText(sortKey(a), sortKey(b)) || compareText(a, b)
}

/** By code unit: the same order whatever the locale of the process. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function sortKey(canonical: string): string {
  return canonical.replaceAll(/\d+/g, (digits) => digits.padStart(MAX_LENGTH, '0'))
}

function withoutZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '')
}
