import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { buildNistIndex } from '../../../scripts/build-nist-index.ts'
import { assetPath } from '../../../job-image/assets.ts'
import { NIST_INDEX_ASSET } from '../../../job-image/oscal/nist-index.ts'
import { prepareFile } from '../../../job-image/oscal/import-file.ts'
import { OSCAL_DATA, oscalFile } from './data.ts'
import { diskReader } from './fixtures/documents.ts'

const CATALOG_UUIDS = ['84cbf061-eb87-4ec1-8112-1f529232e907', '051a77c1-b61d-4995-8275-dacfe688d510']
const CATALOG = 'nist-800-53-rev5/NIST_SP-800-53_rev5-800-53A-draft_catalog-min.2021-07-29.oscal1.0.0.json'

const PROFILES: [file: string, controls: number][] = [
  ['nist-800-53-rev5/NIST_SP-800-53_rev5_LOW-baseline_profile.json', 149],
  ['nist-800-53-rev5/NIST_SP-800-53_rev5_MODERATE-baseline_profile.json', 287],
  ['nist-800-53-rev5/NIST_SP-800-53_rev5_HIGH-baseline_profile.json', 370],
  ['nist-800-53-rev5/NIST_SP-800-53_rev5_PRIVACY-baseline_profile.json', 96],
  ['nist-800-53-rev5/NIST_SP-800-53B_v5.2.0_LOW-baseline_profile.oscal1.1.3.json', 149],
  ['nist-800-53-rev5/NIST_SP-800-53B_v5.2.0_MODERATE-baseline_profile.oscal1.1.3.json', 287],
  ['nist-800-53-rev5/NIST_SP-800-53B_v5.2.0_HIGH-baseline_profile.oscal1.1.3.json', 370],
  ['fedramp-rev5/FedRAMP_rev5_LOW-baseline_profile.json', 156],
  ['fedramp-rev5/FedRAMP_rev5_LI-SaaS-baseline_profile.json', 156],
  ['fedramp-rev5/FedRAMP_rev5_MODERATE-baseline_profile.json', 323],
  ['fedramp-rev5/FedRAMP_rev5_HIGH-baseline_profile.json', 410],
]

const CATALOGS: [file: string, kind: string, controls: number][] = [
  [CATALOG, 'catalog', 1189],
  ['nist-800-53-rev5/NIST_SP-800-53_rev5_LOW-baseline-resolved-profile_catalog-min.json', 'baseline', 149],
  [
    'nist-800-53-rev5/NIST_SP-800-53_rev5_MODERATE-baseline-resolved-profile_catalog-min.json',
    'baseline',
    287,
  ],
  ['nist-800-53-rev5/NIST_SP-800-53_rev5_HIGH-baseline-resolved-profile_catalog-min.json', 'baseline', 370],
  [
    'nist-800-53-rev5/NIST_SP-800-53_rev5_PRIVACY-baseline-resolved-profile_catalog-min.json',
    'baseline',
    102,
  ],
  ['fedramp-rev5/FedRAMP_rev5_LOW-baseline-resolved-profile_catalog-min.json', 'baseline', 156],
  ['fedramp-rev5/FedRAMP_rev5_LI-SaaS-baseline-resolved-profile_catalog-min.json', 'baseline', 156],
  ['examples/basic-catalog.json', 'catalog', 4],
]

const reader = diskReader()

describe.skipIf(OSCAL_DATA === undefined)('published files (RAPIDRMF_OSCAL_DATA)', () => {
  test.each(CATALOGS)('%s is a %s of %i controls', (file, kind, controls) => {
    const { item } = prepareFile(oscalFile(file), { reader })
    expect([item.kind, item.controls.length]).toEqual([kind, controls])
  })

  describe.each([
    ['the catalog file', oscalFile(CATALOG)],
    ['the built-in index', 'builtin:nist-800-53-rev5'],
  ])('over %s', (_, catalog) => {
    const map = CATALOG_UUIDS.map((uuid) => `${uuid}=${catalog}`)
    test.each(PROFILES)('%s selects %i controls', (file, controls) => {
      const { item, warnings } = prepareFile(oscalFile(file), { reader, map })
      expect(item).toMatchObject({ kind: 'baseline', framework: 'nist-800-53-rev5', withdrawn: 0 })
      expect(item.controls).toHaveLength(controls)
      expect(warnings).toEqual([])
    })
  })

  test.each([
    'examples/ssp-example.json',
    'fedramp-rev5/FedRAMP-POAM-OSCAL-Template.json',
    'examples/example-component.json',
  ])('%s is neither', (file) => {
    expect(() => prepareFile(oscalFile(file), { reader })).toThrow('not an OSCAL catalog or profile')
  })

  test('the built-in index is what its script makes of them', () => {
    expect(buildNistIndex(oscalFile('nist-800-53-rev5'))).toBe(
      readFileSync(assetPath(NIST_INDEX_ASSET), 'utf8'),
    )
  })
})
