import { beforeEach, describe, expect, it } from 'vitest'
import { storeImports } from '../../../../job-image/db/inputs/import.ts'
import type { BaselineImport, CatalogImport } from '../../../../job-image/oscal/import.ts'
import { InputError } from '../../../../job-image/errors.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()
beforeEach(() => client.query('TRUNCATE catalogs, controls, baselines RESTART IDENTITY CASCADE'))

const catalog: CatalogImport = {
  kind: 'catalog',
  source: 'letters.json',
  name: 'letters',
  title: 'Letters',
  version: '1',
  framework: 'letters',
  whole: false,
  authoritative: true,
  controls: ['a-1', 'a-2'].map((canonical) => ({
    canonical,
    controlId: canonical.toUpperCase(),
    title: canonical,
    family: 'A',
    withdrawn: false,
    parent: undefined,
  })),
}
const baseline: BaselineImport = {
  kind: 'baseline',
  source: 'first.json',
  name: 'first',
  title: 'First',
  version: null,
  framework: 'letters',
  controls: ['a-1'],
  withdrawn: 0,
}

async function stored(): Promise<number[]> {
  const { rows } = await client.query<{ n: number[] }>(
    `SELECT ARRAY[(SELECT count(*) FROM catalogs), (SELECT count(*) FROM controls), (SELECT count(*) FROM baselines)]::int[] AS n`,
  )
  return rows[0]!.n
}

describe('imports are stored', () => {
  it('catalogs first, and reported in the given order', async () => {
    const reports = await storeImports(client, [baseline, catalog])
    expect(reports.map(({ kind, added, missing }) => [kind, added, missing])).toEqual([
      ['baseline', 1, []],
      ['catalog', 2, []],
    ])
    expect(await stored()).toEqual([1, 2, 1])
  })

  it('not at all in a dry run, which reports the same', async () => {
    const dry = await storeImports(client, [catalog, baseline], { dryRun: true })
    expect(await stored()).toEqual([0, 0, 0])
    expect(await storeImports(client, [catalog, baseline])).toEqual(dry)
  })

  it('after a confirmation, which a dry run does not need, where they remove most controls', async () => {
    await storeImports(client, [catalog])
    const fewer = { ...catalog, controls: catalog.controls.slice(1) }
    const [dry] = await storeImports(client, [fewer], { dryRun: true })
    expect(dry).toMatchObject({ removed: 1, removesMany: true })
    await expect(storeImports(client, [fewer])).rejects.toThrow(InputError)
    expect(await storeImports(client, [fewer], { confirmed: true })).toEqual([dry])
  })

  it('all or none', async () => {
    const [first] = catalog.controls
    const broken = { ...catalog, name: 'broken', controls: [{ ...first!, title: 'a\0b' }] }
    await expect(storeImports(client, [catalog, broken])).rejects.toThrow(/invalid byte sequence/)
    expect(await stored()).toEqual([0, 0, 0])
  })

  it('in no database whose encoding lacks characters', async () => {
    const { client: latin } = await createDatabase({ encoding: 'LATIN1' })
    await expect(storeImports(latin, [catalog])).rejects.toThrow(InputError)
    await expect(storeImports(latin, [catalog])).rejects.toThrow(/is LATIN1, .*nothing was changed/)
  })
})
