import { describe, expect, it } from 'vitest'
import { listCatalogIdentities, titledControls } from '../../../../job-image/db/inputs/catalog-identities.ts'
import { nistIndex } from '../../../../job-image/oscal/nist-index.ts'
import { displayControlId } from '../../../../job-image/rules/control-id.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()
await client.query(`
  INSERT INTO catalogs (id, name, title, version, framework, baseline, oscal_path, loaded_at, attributes) VALUES
    (1, 'nist', 'NIST SP 800-53 Rev 5 Controls', '5.1', 'nist-800-53-rev5', NULL, 'nist.json', '2026-01-01', '{}'),
    (2, 'RapidRMF', 'NIST SP 800-53', NULL, 'NIST', 'moderate', NULL, '2026-01-01', '{}'),
    (3, 'letters', 'Letters', NULL, 'NIST', NULL, NULL, '2026-01-01', '{}')`)
await client.query(
  `INSERT INTO controls (catalog_id, control_id, title, family, attributes)
   SELECT 2, i, t, 'AC', '{}'::json FROM unnest($1::text[], $2::text[]) AS c (i, t)
    UNION ALL SELECT 3, 'a-1', 'Alpha', 'A', '{}'`,
  [
    nistIndex().controls.map(({ id }) => displayControlId(id)),
    nistIndex().controls.map(({ title }) => title),
  ],
)

async function frameworks(configured?: ReadonlyMap<string, string>): Promise<unknown> {
  const catalogs = await listCatalogIdentities(client, configured)
  return [...catalogs.values()].map(({ name, framework, configured: set }) => [name, framework, set])
}

describe('the framework of a catalog', () => {
  it('is what its row names, else what its controls say, else unknown', async () => {
    expect(await frameworks()).toEqual([
      ['nist', 'nist-800-53-rev5', false],
      ['RapidRMF', 'nist-800-53-rev5', false],
      ['letters', undefined, false],
    ])
  })

  it('is what the configuration sets, for the name in any spelling', async () => {
    const configured = new Map([
      ['rapidrmf', 'ISO 27001'],
      ['nist', 'own'],
    ])
    expect(await frameworks(configured)).toEqual([
      ['nist', 'own', true],
      ['RapidRMF', 'iso-27001', true],
      ['letters', undefined, false],
    ])
  })
})

it('a catalog has the columns of its row', async () => {
  expect((await listCatalogIdentities(client)).get(1)).toEqual({
    id: 1,
    name: 'nist',
    title: 'NIST SP 800-53 Rev 5 Controls',
    version: '5.1',
    text: 'nist-800-53-rev5',
    baseline: null,
    oscal_path: 'nist.json',
    framework: 'nist-800-53-rev5',
    configured: false,
  })
})

it('the titles of controls are read by catalog', async () => {
  const controls = await titledControls(client, [1, 3])
  expect([...controls]).toEqual([[3, [{ catalog_id: 3, id: 'a-1', title: 'Alpha' }]]])
  expect(await titledControls(client, [])).toEqual(new Map())
})
