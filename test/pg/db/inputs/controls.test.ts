import { beforeEach, describe, expect, it } from 'vitest'
import { listCatalogIdentities } from '../../../../job-image/db/inputs/catalog-identities.ts'
import type { ConfiguredFrameworks } from '../../../../job-image/db/inputs/catalog-identities.ts'
import { listControls } from '../../../../job-image/db/inputs/controls.ts'
import type { StoredControl } from '../../../../job-image/db/inputs/controls.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()

beforeEach(() =>
  client.query(`
    TRUNCATE catalogs, controls, control_requirements CASCADE;
    INSERT INTO catalogs (id, name, title, framework, loaded_at, attributes) VALUES
      (1, 'nist', 'NIST SP 800-53 Rev 5', 'nist-800-53-rev5', '2026-01-01', '{}'),
      (2, 'own', 'Own', 'own', '2026-01-01', '{}')`),
)

async function addControl(id: number, controlId: string, catalog = 1, attributes = '{}'): Promise<void> {
  await client.query(
    `INSERT INTO controls (id, catalog_id, control_id, title, family, remediation, attributes)
     VALUES ($1, $2, $3, 'Title', 'AC', 'fix it', $4)`,
    [id, catalog, controlId, attributes],
  )
}

async function require(controlId: number, all: string, any: string): Promise<void> {
  await client.query(
    `INSERT INTO control_requirements (id, control_id, required_all, required_any)
     SELECT coalesce(max(id), 0) + 1, $1, $2, $3 FROM control_requirements`,
    [controlId, all, any],
  )
}

async function controls(configured?: ConfiguredFrameworks): Promise<StoredControl[]> {
  return listControls(client, await listCatalogIdentities(client, configured))
}

it('controls come by their rows, with requirements and the framework of their catalog', async () => {
  await addControl(2, 'AC-3', 2)
  await addControl(1, 'AC-2')
  await require(1, '["audit-log"]', '[]')
  await require(1, '[]', '["sbom", "iam-policy"]')
  expect(await controls()).toEqual([
    {
      id: 1,
      catalogId: 1,
      controlId: 'AC-2',
      title: 'Title',
      family: 'AC',
      remediation: 'fix it',
      framework: 'nist-800-53-rev5',
      active: true,
      requirements: [
        { requiredAll: ['audit-log'], requiredAny: [] },
        { requiredAll: [], requiredAny: ['sbom', 'iam-policy'] },
      ],
    },
    expect.objectContaining({ id: 2, framework: 'own', requirements: [], active: true }),
  ])
})

describe('a control is not active', () => {
  it.each([
    ['its mark says withdrawn', 'AC-2', 1, '{"withdrawn": true}', false],
    [
      'its mark says removed, even if it is not withdrawn',
      'AC-2',
      1,
      '{"withdrawn": false, "removed": true}',
      false,
    ],
    ['its mark denies what the index of NIST says', 'AC-3(6)', 1, '{"withdrawn": false}', true],
    ['the index of NIST says withdrawn', 'AC-3(6)', 1, '{}', false],
    ['the index of NIST does not have it', 'XX-99', 1, '{}', true],
    ['another framework has a control of that name', 'AC-3(6)', 2, '{}', true],
  ])('where %s', async (_, controlId, catalog, attributes, active) => {
    await addControl(1, controlId, catalog, attributes)
    expect((await controls())[0]?.active).toBe(active)
  })

  it('where the configuration sets the framework of its catalog to that of NIST', async () => {
    await addControl(1, 'AC-3(6)', 2)
    expect((await controls(new Map([['own', 'nist-800-53-rev5']])))[0]?.active).toBe(false)
  })
})

describe('requirements of another shape are a problem of their control alone', () => {
  it.each([
    ['{"a": 1}', '[]', 'required_all must be a list of evidence types, found an object'],
    ['[]', '"sbom"', 'required_any must be a list of evidence types, found a string'],
    ['null', '[]', 'required_all must be a list of evidence types, found null'],
    ['["sbom", 7]', '[]', 'required_all holds a number where an evidence type belongs'],
    ['[]', '[""]', 'required_any holds an empty string where an evidence type belongs'],
    ['[["sbom"]]', '[]', 'required_all holds a list where an evidence type belongs'],
    [String.raw`["a\u0000"]`, '[]', 'required_all holds an evidence type with '],
  ])('%s and %s', async (all, any, problem) => {
    await addControl(1, 'AC-2')
    await addControl(2, 'AC-3')
    await require(1, all, any)
    const [broken, good] = await controls()
    expect(broken?.requirements).toEqual([])
    expect(broken?.problem).toContain(`control_requirements row 1: ${problem}`)
    expect(good).not.toHaveProperty('problem')
  })
})
