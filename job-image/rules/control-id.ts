import { NIST_800_53, isNist80053 } from './framework.ts'

/** NIST SP 800-53 spellings of a control or an enhancement: AC-2, ac-02, AC-2(1), AC-02 (01), ac-2.1. */
const NIST_ID = /^([a-z]+)-(\d+)(?:\.(\d+)|\s*\(\s*(\d+)\s*\))?$/

/** Ids of other frameworks: words joined by one mark each (s1.1.1, cc6.1), with items in brackets (164.308(a)). */
const OTHER_ID = /^[a-z0-9]+(?:[._:/-][a-z0-9]+|\([a-z0-9]+\))*$/

/** Hyphens that text editors substitute for the plain one. */
const FANCY_HYPHENS = /[\u2010-\u2015\u2212]/g

/** `controls.control_id` is a varchar(50): nothing longer is an id. */
export const MAX_ID_LENGTH = 50

/**
 * The one spelling by which we know a control of a framework. In NIST SP 800-53 it is `ac-2.1` for AC-2(1), AC-02(01),
 * ac-2.1 and the like. Ids of other frameworks are lower-cased and otherwise as published: `ism-0445` keeps its zero.
 * Undefined: the text cannot be an id at all.
 */
export function canonicalControlId(text: string, framework: string | undefined): string | undefined {
  const id = text.trim().replace(FANCY_HYPHENS, '-').toLowerCase()
  if (id.length > MAX_ID_LENGTH) return undefined
  const nist = NIST_ID.exec(id)
  if (nist === null || !isNist80053(framework)) return published(id)
  const [, family = '', number = '', dotted, bracketed] = nist
  const enhancement = dotted ?? bracketed
  const base = `${family}-${withoutZeros(number)}`
  return enhancement === undefined ? base : `${base}.${withoutZeros(enhancement)}`
}

/**
 * The spelling that earlier releases stored for every framework: without leading zeros, `ism-445`. Rows and members of
 * baselines that still have it are found by it, and the next import corrects them.
 */
export function formerControlId(canonical: string): string {
  return canonicalControlId(canonical, NIST_800_53) ?? canonical
}

/** Finds the known id that another one is apart from leading zeros and brackets: `ISM-0445` for ISM-445. */
export function suggestId(known: readonly string[]): (wanted: string) => string | undefined {
  const byFormer = new Map(known.toReversed().map((id) => [formerControlId(id), id]))
  return (wanted) => byFormer.get(formerControlId(wanted))
}

function published(id: string): string | undefined {
  const tight = id.replaceAll(/\s*([()])\s*/g, '$1')
  return OTHER_ID.test(tight) ? tight : undefined
}

/** The spelling in the database and in outputs: `AC-2.1`. */
export function displayControlId(canonical: string): string {
  return canonical.toUpperCase()
}

/** The spelling of a stored id in outputs; an id that has no canonical one is shown as it is stored. */
export function shownControlId(text: string, canonical: string | undefined): string {
  return canonical === undefined ? text : displayControlId(canonical)
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

/** Compares by code unit, independent of the locale of the process. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function sortKey(canonical: string): string {
  return canonical.replaceAll(/\d+/g, (digits) => digits.padStart(MAX_ID_LENGTH, '0'))
}

function withoutZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '')
}
