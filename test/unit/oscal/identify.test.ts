import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  identifyDocument,
  identifyStored,
  isStoredWhole,
  namesItself,
} from '../../../job-image/oscal/identify.ts'
import type { TitledControl } from '../../../job-image/oscal/identify.ts'
import { nistBaselineControls, nistIndex } from '../../../job-image/oscal/nist-index.ts'
import { canonicalControlId } from '../../../job-image/rules/control-id.ts'

const NIST = nistIndex().controls.map(({ id, title }): TitledControl => ({ id, title }))
const MODERATE = nistBaselineControls('MODERATE').map((id) => ({
  id,
  title: nistIndex().byId.get(id)!.title,
}))
const BASE = NIST.filter(({ id }) => /^(?:ac|au)-\d+$/.test(id))
/** SP 800-171 in the ids of SP 800-53: other controls under the same ids. */
const NAMESAKES = BASE.map(({ id }, at) => ({ id, title: BASE[(at + 1) % BASE.length]!.title }))
const UNTITLED = BASE.map(({ id }) => ({ id, title: `Control ${id.toUpperCase()}` }))
const STRANGERS = BASE.map(({ title }, at) => ({ id: `own-${at}`, title }))

describe('a document', () => {
  test.each<[title: string, framework: string, whole: boolean, controls: readonly TitledControl[]]>([
    ['NIST SP 800-53 Rev 5 Controls', 'nist-800-53-rev5', true, UNTITLED],
    ['NIST SP 800-53 Rev 4 Controls', 'nist-800-53-rev4', true, BASE],
    ['NIST SP 800-53', 'nist-800-53-rev5', true, NIST],
    ['NIST Special Publication 800-53 Revision 4 HIGH IMPACT BASELINE', 'nist-800-53-rev4', false, UNTITLED],
    ['FedRAMP Rev 5 High Baseline', 'nist-800-53-rev5', false, MODERATE],
    ['Acceptable Risk Safeguards 5.0', 'nist-800-53-rev5', false, MODERATE],
    ['Acceptable Risk Safeguards', 'nist-800-53', false, BASE],
    ['Our copy of the catalog', 'nist-800-53-rev5', true, NIST],
    ["Acme's tailoring of NIST SP 800-53 Rev. 5", 'nist-800-53-rev5', false, BASE],
    ["Acme's tailoring of NIST SP 800-53 Rev. 5", 'nist-800-53-rev5', false, UNTITLED],
    ["Acme's tailoring of NIST SP 800-53", 'acme-s-tailoring-of-nist-sp-800-53', false, UNTITLED],
    ['Nonfederal systems (not SP 800-53 Rev. 5)', 'nonfederal-systems-not-sp-800-53-rev-5', false, NAMESAKES],
    ['SP 800-171 in terms of SP 800-53', 'sp-800-171-in-terms-of-sp-800-53', false, NAMESAKES],
    ['Handbook', 'handbook', false, UNTITLED],
    ['Handbook', 'handbook', false, STRANGERS],
    ['Handbook', 'handbook', false, [...BASE, ...STRANGERS, ...STRANGERS]],
    ['***', 'unknown', false, []],
    ['Security controls', 'unknown', false, UNTITLED],
  ])('titled "%s" is of %s, whole: %s (%#)', (title, framework, whole, controls) => {
    expect(identifyDocument(title, controls)).toEqual({ framework, whole: expect.any(Boolean) as boolean })
    expect(identifyDocument(title, controls).whole).toBe(whole)
  })

  test('with a very long title has a name that fits and is its own', () => {
    const [one, other] = ['a', 'b'].map(
      (end) => identifyDocument(`${'word '.repeat(60)}${end}`, []).framework,
    )
    expect(one).toHaveLength(100)
    expect(one).not.toBe(other)
  })

  test('is of NIST SP 800-53 by its controls whatever their order and spelling', () => {
    const padded = (id: string): string =>
      id.replace(/\d+/g, (digits) => digits.padStart(2, '0')).toUpperCase()
    fc.assert(
      fc.property(fc.shuffledSubarray(NIST, { minLength: 1 }), fc.boolean(), (controls, isPadded) => {
        const spelled = controls.map(({ id, title }) => ({ id: isPadded ? padded(id) : id, title }))
        expect(identifyDocument('Any title', spelled).framework).toMatch(/^nist-800-53(-rev5)?$/)
      }),
      { numRuns: 30 },
    )
  })

  test('is not once half of its controls are others', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(BASE, { minLength: 1 }), (controls) => {
        const others = controls.map(({ title }, at) => ({ id: `own-${at}`, title }))
        expect(identifyDocument('Any title', [...controls, ...others]).framework).toBe('any-title')
      }),
      { numRuns: 30 },
    )
  })
})

describe('a stored catalog', () => {
  test.each<[text: string, title: string, framework: string | undefined, controls: readonly TitledControl[]]>(
    [
      ['nist-800-53-rev5', 'Anything', 'nist-800-53-rev5', NAMESAKES],
      ['NIST 800-53 Rev. 4', 'NIST SP 800-53 Rev 5', 'nist-800-53-rev4', NIST],
      ['NIST', 'NIST SP 800-53 Rev 5', 'nist-800-53-rev5', UNTITLED],
      ['NIST', 'NIST SP 800-53 Rev 5 (Test)', 'nist-800-53-rev5', UNTITLED],
      ['NIST', 'Controls', 'nist-800-53', BASE],
      ['NIST', 'Controls', 'nist-800-53-rev5', NIST],
      ['NIST', 'Controls', undefined, NAMESAKES],
      ['NIST', 'Controls', undefined, UNTITLED],
      ['NIST', 'Handbook', undefined, []],
      ['', 'NIST SP 800-53', 'nist-800-53', []],
      ['ISO 27001', 'NIST SP 800-53 Rev 5', 'iso-27001', NIST],
      ['FedRAMP', 'FedRAMP Moderate', 'nist-800-53', UNTITLED],
      ['nist-800-171', 'Controls', 'nist-800-171', NAMESAKES],
      ['acme-nist-800-53-rev5', 'Controls', 'acme-nist-800-53-rev5', NAMESAKES],
      ['acme-nist-800-53-rev5', 'Controls', 'nist-800-53-rev5', BASE],
    ],
  )('with framework "%s" and title "%s" is of %s (%#)', (text, title, framework, controls) => {
    expect(identifyStored({ text, title }, controls)).toBe(framework)
    // What is said not to need the controls does not depend on them.
    if (namesItself({ text, title })) expect(identifyStored({ text, title }, [])).toBe(framework)
  })

  test('is whole by its title or by nearly all controls, never by a name', () => {
    const rev4 = 'nist-800-53-rev4'
    expect(isStoredWhole('NIST SP 800-53 Rev 4', rev4, UNTITLED)).toBe(true)
    expect(isStoredWhole('NIST Special Publication 800-53 Revision 4 HIGH IMPACT BASELINE', rev4, BASE)).toBe(
      false,
    )
    expect(isStoredWhole('Controls', 'nist-800-53-rev5', NIST)).toBe(true)
    expect(isStoredWhole('Controls', 'nist-800-53-rev5', MODERATE)).toBe(false)
    expect(isStoredWhole('NIST SP 800-53', undefined, NIST)).toBe(false)
  })
})

test('every id of the index is read as it stands there', () => {
  for (const { id } of NIST) expect(canonicalControlId(id, 'nist-800-53')).toBe(id)
})
