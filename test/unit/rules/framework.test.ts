import { expect, test } from 'vitest'
import {
  coversFramework,
  frameworkName,
  isNist80053,
  nameFrom,
  nameKey,
  namesFramework,
  nistBaselineIn,
  nistClaim,
} from '../../../job-image/rules/framework.ts'

const REV5 = 'nist-800-53-rev5'

test.each([
  ['nist-800-53-rev5', REV5, 'whole'],
  ['NIST_SP-800-53_rev5', REV5, 'whole'],
  ['NIST 800-53 Rev. 5', REV5, 'whole'],
  ['NIST SP 800-53r5', REV5, 'whole'],
  ['NIST_SP-800-53_rev5_catalog', REV5, 'whole'],
  [
    'NIST SP 800-53 Rev. 5: Security and Privacy Controls for Information Systems and Organizations',
    REV5,
    'whole',
  ],
  [
    'Electronic Version of NIST SP 800-53 Rev 5 Controls and Draft SP 800-53A Rev 5 Assessment Procedures',
    REV5,
    'whole',
  ],
  [
    'Electronic (OSCAL) Version of NIST Special Publication 800-53 Revision 5.2.0 Controls and SP 800-53A Revision 5.2.0 Assessment Procedures',
    REV5,
    'whole',
  ],
  [
    'NIST Special Publication 800-53 Revision 4: Security and Privacy Controls for Federal Information Systems and Organizations',
    'nist-800-53-rev4',
    'whole',
  ],
  ['NIST SP 800-53', 'nist-800-53', 'whole'],
  ['NIST Special Publication 800-53 Revision 5.1.1 LOW IMPACT BASELINE', REV5, 'baseline'],
  ['NIST Special Publication 800-53 Revision 4 HIGH IMPACT BASELINE', 'nist-800-53-rev4', 'baseline'],
  ['FedRAMP Rev 5 Moderate Baseline', REV5, 'baseline'],
  ['FedRAMP Rev 4 Tailored Low Impact Li-SaaS Baseline', 'nist-800-53-rev4', 'baseline'],
  ['FedRAMP', 'nist-800-53', 'baseline'],
  ["Acme's tailoring of NIST SP 800-53 Rev. 5", REV5, 'mention'],
  ['Protecting controlled information (not SP 800-53)', 'nist-800-53', 'mention'],
  ['NIST SP 800-53 and SP 800-171', 'nist-800-53', 'mention'],
  ['FedRAMP 20x', 'nist-800-53', 'mention'],
])('%s claims %s: %s', (text, framework, kind) => {
  expect(nistClaim(text)).toEqual({ framework, kind })
})

test.each(['NIST SP 800-171 Rev. 3', 'ISO/IEC 27001', 'NIST', 'Publication 1800-53', ''])(
  'claims nothing: %s',
  (text) => expect(nistClaim(text)).toBeUndefined(),
)

test.each([
  ['NIST_SP-800-53_rev4_catalog', 'nist-800-53-rev4'],
  ['NIST SP 800-171 Rev. 2', 'nist-sp-800-171-rev-2'],
  ['ISO/IEC 27001', 'iso-iec-27001'],
  ['NIST 800-53', 'nist-800-53'],
  ['Mapping of NIST SP 800-53 Rev. 5', 'mapping-of-nist-sp-800-53-rev-5'],
])('the name of %s is %s, also of the name itself', (text, framework) => {
  expect(frameworkName(text)).toBe(framework)
  expect(frameworkName(framework)).toBe(framework)
})

test('publisher and kind alone name no framework', () => {
  expect(['NIST', '', ' - ', 'custom', 'Security controls', 'N/A'].map(namesFramework)).toEqual(
    Array(6).fill(false),
  )
  expect(['nist-800-53', 'FedRAMP', 'ISM', 'ISO 27001'].map(namesFramework)).toEqual(Array(4).fill(true))
})

test('NIST SP 800-53 covers its revisions, a revision only itself', () => {
  expect(coversFramework('nist-800-53', REV5)).toBe(true)
  expect(coversFramework(REV5, 'nist-800-53')).toBe(false)
  expect(coversFramework(REV5, 'nist-800-53-rev4')).toBe(false)
  expect(coversFramework('iso', 'iso-27001')).toBe(false)
  expect(coversFramework('nist-800-53', undefined)).toBe(false)
  expect(isNist80053('nist-800-53-rev5')).toBe(true)
  expect(isNist80053('nist-800-530')).toBe(false)
})

test('names are one name whatever their case and marks', () => {
  expect(nameKey('NIST_SP-800 53.rev5')).toBe(nameKey('nist-sp-800-53-rev5'))
  expect(nameFrom('Sample *Catalog* (draft)')).toBe('sample-catalog-draft')
})

test.each([
  ['NIST Special Publication 800-53 Revision 5.2.0 LOW IMPACT BASELINE', 'low'],
  ['NIST Special Publication 800-53 Revision 5.1.1 PRIVACY BASELINE', 'privacy'],
  ['NIST Special Publication 800-53 Revision 4 LOW IMPACT BASELINE', undefined],
  ['FedRAMP Rev 5 Low Baseline', undefined],
  ["Acme's NIST SP 800-53 Rev. 5 low baseline", undefined],
])('knows the titles of SP 800-53B: %s', (title, baseline) => {
  expect(nistBaselineIn(title)).toBe(baseline)
})
