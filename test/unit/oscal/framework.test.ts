import { expect, test } from 'vitest'
import {
  canonicalFramework,
  isNistRev5,
  nameFrom,
  nameKey,
  nistBaselineIn,
  wholeFramework,
} from '../../../job-image/oscal/framework.ts'

const COMPLETE = [
  'nist-800-53-rev5',
  'NIST_SP-800-53_rev5',
  'NIST 800-53 Rev. 5',
  'nist_800_53_rev5',
  'NIST SP 800-53r5',
  'NIST_SP-800-53_rev5_catalog',
  'NIST SP 800-53 Rev. 5: Security and Privacy Controls for Information Systems and Organizations',
  'Electronic Version of NIST SP 800-53 Rev 5 Controls and Draft SP 800-53A Rev 5 Assessment Procedures',
  'Electronic (OSCAL) Version of NIST Special Publication 800-53 Revision 5.2.0 Controls and SP 800-53A Revision 5.2.0 Assessment Procedures',
]

const PARTS = [
  'NIST Special Publication 800-53 Revision 5.1.1 LOW IMPACT BASELINE',
  'FedRAMP Rev 5 Moderate Baseline',
  "Acme's tailoring of NIST SP 800-53 Rev. 5",
]

test.each(COMPLETE)('is the whole of NIST SP 800-53 rev5: %s', (text) => {
  expect(canonicalFramework(text)).toBe('nist-800-53-rev5')
  expect(wholeFramework(text)).toBe('nist-800-53-rev5')
})

test.each(PARTS)('belongs to NIST SP 800-53 rev5 but is not the whole: %s', (text) => {
  expect(isNistRev5(text)).toBe(true)
  expect(wholeFramework(text)).toBeUndefined()
})

test.each([
  ['NIST_SP-800-53_rev4_catalog', 'nist-800-53-rev4'],
  ['NIST SP 800-171 Rev. 2', 'nist-sp-800-171-rev-2'],
  ['ISO/IEC 27001', 'iso-iec-27001'],
  ['NIST 800-53', 'nist-800-53'],
])('is not rev5: %s', (text, framework) => {
  expect(canonicalFramework(text)).toBe(framework)
  expect(isNistRev5(text)).toBe(false)
})

test('names are one name whatever their case and marks', () => {
  expect(nameKey('NIST_SP-800 53.rev5')).toBe(nameKey('nist-sp-800-53-rev5'))
  expect(nameFrom('Sample *Catalog* (draft)')).toBe('sample-catalog-draft')
})

test.each([
  ['NIST Special Publication 800-53 Revision 5.2.0 LOW IMPACT BASELINE', 'low'],
  ['NIST Special Publication 800-53 Revision 5.1.1 PRIVACY BASELINE', 'privacy'],
  ['FedRAMP Rev 5 Low Baseline', undefined],
  ["Acme's NIST SP 800-53 Rev. 5 low baseline", undefined],
])('knows the titles of SP 800-53B: %s', (title, baseline) => {
  expect(nistBaselineIn(title)).toBe(baseline)
})
