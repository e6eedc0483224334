import type { Client } from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { baselineMembers, listBaselines } from '../../../job-image/db/baselines.ts'
import { listCatalogs } from '../../../job-image/db/catalogs.ts'
import { connect, disconnect } from '../../../job-image/db/client.ts'
import { storeImports } from '../../../job-image/db/import.ts'
import type { Import, ImportReport } from '../../../job-image/oscal/import.ts'
import { prepareBuiltin, prepareFile } from '../../../job-image/oscal/prepare.ts'
import { createDatabase } from '../../support/database.ts'
import { LETTERS, catalog, memoryReader, profile } from '../../unit/oscal/fixtures/documents.ts'

const { client, url } = await createDatabase()

beforeEach(async () => {
  await client.query('TRUNCATE controls, catalogs, baselines RESTART IDENTITY CASCADE')
})

function prepared(document: object, file = 'letters.json', name?: string): Import {
  return prepareFile(file, { reader: memoryReader({ 'letters.json': LETTERS, [file]: document }), name }).item
}

async function store(...items: Import[]): Promise<ImportReport> {
  const [report] = await storeImports(client, items)
  if (report === undefined) throw new Error('no report')
  return report
}

const counts = ({ added, changed, removed, unchanged }: ImportReport): number[] => [
  added,
  changed,
  removed,
  unchanged,
]

async function controls(on: Client = client): Promise<Record<string, unknown>[]> {
  const { rows } = await on.query('SELECT control_id, title, family, attributes FROM controls ORDER BY id')
  return rows as Record<string, unknown>[]
}

async function insertCatalog(
  name: string,
  framework: string,
  baseline: string | null = null,
): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO catalogs (name, title, version, framework, baseline, loaded_at, attributes)
     VALUES ($1, 'As RapidRMF made it', '5.0', $2, $3, '2026-01-01', '{"by": "RapidRMF"}') RETURNING id`,
    [name, framework, baseline],
  )
  return rows[0]?.id ?? 0
}

async function insertControl(catalogId: number, controlId: string, attributes = '{}'): Promise<void> {
  await client.query(
    `INSERT INTO controls (catalog_id, control_id, title, family, description, attributes)
     VALUES ($1, $2, 'Old title', 'XX', 'A description', $3)`,
    [catalogId, controlId, attributes],
  )
}

const nist = (...ids: (string | [string, ...string[]])[]): Import =>
  prepared(catalog({ ac: ids }, 'NIST SP 800-53 Rev 5 Controls'), 'nist.json')

describe('the built-in catalog', () => {
  const items = prepareBuiltin(undefined).map(({ item }) => item)

  test('is stored with its baselines; a second import changes nothing', async () => {
    const first = await storeImports(client, items)
    expect(first.map(counts)).toEqual([
      [1189, 0, 0, 0],
      [149, 0, 0, 0],
      [287, 0, 0, 0],
      [370, 0, 0, 0],
      [96, 0, 0, 0],
    ])
    expect(first.flatMap(({ missing }) => missing)).toEqual([])
    const stored = { catalogs: await listCatalogs(client), baselines: await listBaselines(client) }
    expect(stored.catalogs).toMatchObject([
      { name: 'nist-800-53-rev5', controls: 1189, active: 1007, withdrawn: 182, removed: 0 },
    ])
    expect(stored.catalogs[0]?.loadedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)

    const second = await storeImports(client, items)
    expect(second.map(counts)).toEqual([
      [0, 0, 0, 1189],
      [0, 0, 0, 149],
      [0, 0, 0, 287],
      [0, 0, 0, 370],
      [0, 0, 0, 96],
    ])
    expect({ catalogs: await listCatalogs(client), baselines: await listBaselines(client) }).toEqual(stored)
  })

  test('stores ids in upper case, with family, parent and withdrawn', async () => {
    await storeImports(client, items)
    const { rows } = await client.query(
      `SELECT control_id, title, family, attributes, baseline_required FROM controls
        WHERE control_id IN ('AC-2', 'AC-2.1', 'AC-2.10') ORDER BY id`,
    )
    const common = { family: 'AC', baseline_required: null }
    expect(rows).toEqual([
      { ...common, control_id: 'AC-2', title: 'Account Management', attributes: {} },
      {
        ...common,
        control_id: 'AC-2.1',
        title: 'Automated System Account Management',
        attributes: { parent: 'AC-2' },
      },
      {
        ...common,
        control_id: 'AC-2.10',
        title: 'Shared and Group Account Credential Change',
        attributes: { parent: 'AC-2', withdrawn: true },
      },
    ])
  })

  test('its baselines are found by any spelling of their names, and by their short names', async () => {
    await storeImports(client, items)
    const sizes: (number | undefined)[] = []
    for (const name of ['NIST_800-53_rev5_MODERATE', 'moderate', 'Low', 'nothing']) {
      sizes.push((await baselineMembers(client, name))?.size)
    }
    expect(sizes).toEqual([287, 287, 149, undefined])
  })

  test('neither removes the controls of a newer file nor takes its version away', async () => {
    await store(nist('ac-2', 'ac-99'))
    const report = await store(...items)
    expect(counts(report)).toEqual([1188, 1, 0, 0])
    const [stored] = await listCatalogs(client)
    expect(stored).toMatchObject({ version: '1', source: 'nist.json', controls: 1190, removed: 0 })
  })
})

describe('a catalog that is there already', () => {
  test('is found under another spelling of its framework, with its ids in any spelling and its duplicates', async () => {
    const id = await insertCatalog('NIST Controls', 'NIST_SP-800-53_rev5')
    await insertControl(id, 'ac-02', '{"owner": {"name": "RapidRMF", "since": 12345678901234567890}}')
    await insertControl(id, 'AC-2')
    const report = await store(nist('ac-2', 'ac-3'))
    expect(report).toMatchObject({ name: 'NIST Controls', framework: 'NIST_SP-800-53_rev5' })
    expect(counts(report)).toEqual([1, 1, 0, 0])
    expect(await controls()).toMatchObject([
      { control_id: 'AC-2', title: 'Control ac-2', family: 'AC' },
      { control_id: 'AC-2', title: 'Control ac-2', family: 'AC', attributes: {} },
      { control_id: 'AC-3' },
    ])
    const { rows } = await client.query(
      'SELECT attributes::text, description FROM controls ORDER BY id LIMIT 1',
    )
    expect(rows).toEqual([
      {
        attributes: '{"owner": {"name": "RapidRMF", "since": 12345678901234567890}}',
        description: 'A description',
      },
    ])
    const { rows: catalogs } = await client.query('SELECT name, version, attributes, baseline FROM catalogs')
    expect(catalogs).toEqual([
      { name: 'NIST Controls', version: '1', attributes: { by: 'RapidRMF' }, baseline: null },
    ])
  })

  test('keeps the keys of other programs beside its own marks', async () => {
    const id = await insertCatalog('nist-800-53-rev5', 'nist')
    await insertControl(id, 'AC-2', '{"big": 12345678901234567890, "removed": true, "parent": "?"}')
    await insertControl(id, 'AC-9', '{"big": 12345678901234567890}')
    await insertControl(id, 'AC-8', '["a list"]')
    await store(nist('ac-2'))
    const { rows } = await client.query('SELECT attributes::text FROM controls ORDER BY id')
    expect(rows.map(({ attributes }: { attributes: string }) => attributes)).toEqual([
      '{"big": 12345678901234567890}',
      '{"big": 12345678901234567890, "removed": true}',
      '{"removed": true}',
    ])
  })

  test('marks controls that the file no longer has, and unmarks them when they return', async () => {
    await store(nist('ac-1', 'ac-2', ['ac-3', 'ac-3.1']))
    const without = await store(nist('ac-1', 'ac-3'))
    expect(counts(without)).toEqual([0, 0, 2, 2])
    expect(without.removedIds).toEqual(['AC-2', 'AC-3.1'])
    expect((await listCatalogs(client))[0]).toMatchObject({ controls: 4, active: 2, removed: 2 })
    expect(counts(await store(nist('ac-1', 'ac-3')))).toEqual([0, 0, 0, 2])
    expect(counts(await store(nist('ac-1', 'ac-2', ['ac-3', 'ac-3.1'])))).toEqual([0, 2, 0, 2])
    expect((await listCatalogs(client))[0]).toMatchObject({ controls: 4, active: 4, removed: 0 })
  })

  test('that RapidRMF made for one baseline is left alone', async () => {
    const id = await insertCatalog('nist-moderate', 'nist-800-53-rev5', 'MODERATE')
    await insertControl(id, 'AC-2')
    await store(nist('ac-2'))
    expect(await controls()).toMatchObject([{ title: 'Old title' }, { title: 'Control ac-2' }])
    await expect(store(prepared(LETTERS, 'letters.json', 'NIST_moderate'))).rejects.toThrow(
      'letters.json: the name "nist-moderate" belongs to a catalog of the baseline MODERATE alone; give another one with --name',
    )
  })

  test('of another revision is not overwritten', async () => {
    await insertCatalog('nist', 'NIST 800-53 Rev. 4')
    const rev5 = prepared(catalog({ ac: ['ac-2'] }, 'NIST SP 800-53 Rev 5 Controls'), 'nist.json', 'NIST')
    await expect(store(rev5)).rejects.toThrow(
      'this is nist-800-53-rev5, but the catalog "nist" holds nist-800-53-rev4',
    )
  })

  test('another framework is another catalog, whatever ids they share', async () => {
    await store(nist('ac-2'))
    await store(prepared(catalog({ ac: ['ac-2'] }, 'Acme'), 'acme.json'))
    expect((await listCatalogs(client)).map(({ name }) => name)).toEqual(['acme', 'nist-800-53-rev5'])
  })
})

describe('a profile', () => {
  const selecting = (...ids: string[]): Import =>
    prepared(profile([{ href: 'letters.json', 'include-controls': [{ 'with-ids': ids }] }]), 'mine.json')

  test('is membership, never rows of controls', async () => {
    const report = await store(selecting('a1', 'b1'))
    expect(report).toMatchObject({ name: 'mine', framework: 'letters', missing: ['A1', 'B1'] })
    expect(await controls()).toEqual([])
    expect(await baselineMembers(client, 'MINE')).toEqual(new Set(['a1', 'b1']))
  })

  test('follows its file', async () => {
    await store(selecting('a1', 'b1'))
    const report = await store(selecting('b1', 'c1', 'c2'))
    expect(counts(report)).toEqual([2, 0, 1, 1])
    expect(report.removedIds).toEqual(['A1'])
    expect(await baselineMembers(client, 'mine')).toEqual(new Set(['b1', 'c1', 'c2']))
  })

  test('misses nothing when its catalog comes with it, in whatever order', async () => {
    const [baseline] = await storeImports(client, [selecting('a1'), prepared(LETTERS)])
    expect(baseline).toMatchObject({ kind: 'baseline', missing: [] })
  })
})

describe('all or nothing', () => {
  test('a failure in the last of several imports leaves nothing of the first', async () => {
    await client.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.control_id = 'C3' THEN RAISE 'no C3 here'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON controls FOR EACH ROW EXECUTE FUNCTION refuse()`)
    try {
      await expect(storeImports(client, [nist('ac-2'), prepared(LETTERS)])).rejects.toThrow('no C3 here')
    } finally {
      await client.query('DROP TRIGGER refuse ON controls; DROP FUNCTION refuse')
    }
    expect([await listCatalogs(client), await controls()]).toEqual([[], []])
  })

  test('a dry run reports what an import would do, and does nothing', async () => {
    await store(nist('ac-2', 'ac-3'))
    const before = { catalogs: await listCatalogs(client), controls: await controls() }
    const [report] = await storeImports(client, [nist('ac-2', 'ac-4')], { dryRun: true })
    expect(report && counts(report)).toEqual([1, 0, 1, 1])
    expect({ catalogs: await listCatalogs(client), controls: await controls() }).toEqual(before)
  })

  test('imports at the same time make no row twice', async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect({ url })))
    const all = await Promise.all(
      clients.map(async (each) => {
        const [report] = await storeImports(each, [nist('ac-2', 'ac-3')])
        await disconnect(each)
        return report?.added
      }),
    )
    expect(all.toSorted((a = 0, b = 0) => a - b)).toEqual([0, 0, 0, 2])
    expect(await controls()).toHaveLength(2)
  })
})
