import { beforeEach, describe, expect, it } from 'vitest'
import { findCatalog } from '../../../../job-image/db/inputs/find-catalog.ts'
import { InputError } from '../../../../job-image/errors.ts'
import type { CatalogImport } from '../../../../job-image/oscal/import.ts'
import { prepareBuiltin } from '../../../../job-image/oscal/import-file.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()
beforeEach(() => client.query('TRUNCATE catalogs, controls RESTART IDENTITY CASCADE'))

type Row = {
  readonly name: string
  readonly title?: string
  readonly framework?: string
  readonly baseline?: string
}

async function addCatalog(
  { name, title = name, framework = name, baseline }: Row,
  ...ids: string[]
): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `WITH c AS (INSERT INTO catalogs (name, title, framework, baseline, loaded_at, attributes)
                VALUES ($1, $2, $3, $4, '2026-01-01', '{}') RETURNING id),
          i AS (INSERT INTO controls (catalog_id, control_id, title, family, attributes)
                SELECT id, t, 'Title of ' || t, 'A', '{}' FROM c, unnest($5::text[]) t)
     SELECT id FROM c`,
    [name, title, framework, baseline ?? null, ids],
  )
  return rows[0]!.id
}

function wanted(name: string, changes: Partial<CatalogImport> = {}, ...ids: string[]): CatalogImport {
  const controls = ids.map((id) => ({
    canonical: id,
    controlId: id.toUpperCase(),
    title: `Title of ${id}`,
    family: 'A',
    withdrawn: false,
    parent: undefined,
  }))
  const names = { source: `${name}.json`, name, title: name, framework: name }
  return { kind: 'catalog', version: null, whole: false, authoritative: true, ...names, controls, ...changes }
}

const refusal = async (catalog: CatalogImport): Promise<string> => {
  const found = findCatalog(client, catalog)
  await expect(found).rejects.toThrow(InputError)
  return found.then(String, (error: Error) => error.message)
}

describe('the row of a catalog', () => {
  it('is that of its name in any spelling, and none in an empty database', async () => {
    expect(await findCatalog(client, wanted('letters'))).toBeUndefined()
    const id = await addCatalog({ name: 'Letters', framework: 'letters' }, 'a-1')
    expect(await findCatalog(client, wanted('letters'))).toMatchObject({ id, name: 'Letters' })
    expect(await findCatalog(client, wanted('digits'))).toBeUndefined()
  })

  it('is not one of another framework', async () => {
    await addCatalog({ name: 'own', framework: 'letters' }, 'a-1')
    expect(await refusal(wanted('own', { framework: 'digits' }, 'd-1'))).toBe(
      'own.json: this is digits, but the catalog "own" holds letters; give another name with --name, or, for a new edition, this framework with --framework letters',
    )
  })

  it('is one of another framework whose controls are mostly the same: a new edition has a new title', async () => {
    const id = await addCatalog({ name: 'own', framework: 'letters' }, 'a-1', 'a-2', 'a-3')
    const two = wanted('own', { framework: 'letters-2' }, 'a-1', 'a-2', 'b-1')
    expect(await findCatalog(client, two)).toMatchObject({ id })
    await addCatalog({ name: 'half', framework: 'letters' }, 'a-1', 'a-2')
    await refusal(wanted('half', { framework: 'letters-2' }, 'a-1', 'b-1'))
  })

  it('is never one of another revision of NIST SP 800-53', async () => {
    await addCatalog({ name: 'nist', framework: 'nist-800-53-rev4' }, 'ac-1')
    const message = await refusal(wanted('nist', { framework: 'nist-800-53-rev5' }, 'ac-1'))
    expect(message).toMatch(
      /this is nist-800-53-rev5, but the catalog "nist" holds nist-800-53-rev4; give another name with --name$/,
    )
  })

  it('is not the complete catalog for a selection of it', async () => {
    const framework = 'nist-800-53-rev5'
    await addCatalog({ name: 'nist', title: 'NIST SP 800-53 Rev 5 Controls', framework }, 'ac-1')
    const title = 'NIST SP 800-53 Rev 5 LOW Baseline'
    expect(await refusal(wanted('nist', { framework, title }, 'ac-1'))).toMatch(
      /the catalog "nist" holds another selection of nist-800-53-rev5 \("NIST SP 800-53 Rev 5 Controls"\)/,
    )
  })

  it('that RapidRMF made for a baseline is left alone', async () => {
    await addCatalog({ name: 'letters', baseline: 'low' }, 'a-1')
    expect(await refusal(wanted('letters'))).toBe(
      'letters.json: the name "letters" belongs to a catalog of the baseline low alone; give another one with --name',
    )
  })
})

it('the complete catalog of NIST SP 800-53 is found under any name', async () => {
  const builtin = prepareBuiltin(undefined)
    .map(({ item }) => item)
    .find((item) => item.kind === 'catalog') as CatalogImport
  const framework = 'nist-800-53-rev5'
  const title = 'NIST SP 800-53 Rev 5 Controls'
  const id = await addCatalog({ name: 'theirs', title, framework })
  await client.query(
    `INSERT INTO controls (catalog_id, control_id, title, family, attributes)
     SELECT $1, i, t, 'AC', '{}' FROM unnest($2::text[], $3::text[]) AS c (i, t)`,
    [id, builtin.controls.map(({ controlId }) => controlId), builtin.controls.map((each) => each.title)],
  )
  expect(await findCatalog(client, builtin)).toMatchObject({ id, name: 'theirs' })
  await client.query(`UPDATE catalogs SET baseline = 'high'`)
  expect(await findCatalog(client, builtin)).toBeUndefined()
})
