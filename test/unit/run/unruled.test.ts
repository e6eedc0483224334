import { expect, it } from 'vitest'
import type { CatalogIdentity } from '../../../job-image/db/inputs/catalog-identities.ts'
import type { StoredControl } from '../../../job-image/db/inputs/controls.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { unruledCatalogs } from '../../../job-image/run/unruled.ts'

const catalog = (id: number, name: string, framework: string | undefined): [number, CatalogIdentity] => [
  id,
  {
    id,
    name,
    framework,
    title: name,
    version: null,
    text: '',
    baseline: null,
    oscal_path: null,
    configured: false,
  },
]
const catalogs = new Map([
  catalog(1, 'nist', 'nist-800-53-rev5'),
  catalog(2, 'iso', 'iso-27001'),
  catalog(3, 'own', undefined),
])
const control = (catalogId: number, changes: Partial<StoredControl> = {}): StoredControl => ({
  id: 1,
  catalogId,
  controlId: 'AC-2',
  title: '',
  family: 'AC',
  remediation: null,
  framework: catalogs.get(catalogId)?.framework,
  active: true,
  requirements: [],
  ...changes,
})
const warnings = (...controls: StoredControl[]): string[] =>
  unruledCatalogs(loadRuleSet(), controls, catalogs)

it('each catalog without rules is one warning, with its number of controls', () => {
  expect(warnings(control(1), control(2), control(3), control(3))).toEqual([
    '1 control of the catalog "iso" is unknown: there is no rule pack for its framework, iso-27001',
    '2 controls of the catalog "own" are unknown: the framework of the catalog is not known; set catalogs.own.framework in the configuration',
  ])
})

it('controls with requirements, or with a problem of their own, are not among them', () => {
  const requirements = [{ requiredAll: ['sbom'], requiredAny: [] }]
  expect(warnings(control(2, { requirements }), control(2, { problem: 'row 1: bad' }))).toEqual([])
})
