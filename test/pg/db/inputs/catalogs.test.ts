import type { Client } from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { findBaseline, listBaselines } from '../../../../job-image/db/inputs/baselines.ts'
import { listCatalogs } from '../../../../job-image/db/inputs/catalogs.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { storeImports } from '../../../../job-image/db/inputs/import.ts'
import type { Import, ImportReport } from '../../../../job-image/oscal/import.ts'
import { prepareBuiltin, prepareFile } from '../../../../job-image/oscal/import-file.ts'
import { createDatabase } from '../../../support/database.ts'
import { LETTERS, catalog, memoryReader, profile } from '../../../unit/oscal/fixtures/documents.ts'

const { client, url } = await createDatabase()

beforeEach(async () => {
  await client.query('TRUNCATE controls, catalogs, baselines RESTART IDENTITY CASCADE')
})

function prepared(document: object, file = 'letters.json', name?: string): Import {
  return prepareFile(file, { reader: memoryReader({ 'letters.json': LETTERS, [file]: document }), name }).item
}

async function store(...items: Import[]): Promise<ImportReport> {
  return storeWith({}, ...items)
}

async function storeWith(options: { confirmed?: boolean }, ...items: Import[]): Promise<ImportReport> {
  const [report] = await storeImports(client, items, options)
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
  title = 'NIST SP 800-53',
): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO catalogs (name, title, version, framework, baseline, loaded_at, attributes)
     VALUES ($1, $4, '5.0', $2, $3, '2026-01-01', '{"by": "RapidRMF"}') RETURNING id`,
    [name, framework, baseline, title],
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
      sizes.push((await findBaseline(client, name))?.members.size)
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
    await storeWith({ confirmed: true }, nist('ac-2'))
    const { rows } = await client.query('SELECT attributes::text FROM controls ORDER BY id')
    expect(rows.map(({ attributes }: { attributes: string }) => attributes)).toEqual([
      '{"big": 12345678901234567890}',
      '{"big": 12345678901234567890, "removed": true}',
      '{"removed": true}',
    ])
  })

  test('keeps whole titles in its attributes for as long as a column cannot hold them', async () => {
    const titled = (title: string): Import => {
      const document = JSON.stringify(catalog({ k: ['k-1', 'k-2'] }, title)).replace('Control k-1', title)
      return prepared(JSON.parse(document) as object, 'h.json')
    }
    const [long, other] = ['T'.repeat(256), `${'T'.repeat(256)}s`]
    await store(titled(long))
    const cut = `${'T'.repeat(254)}…`
    expect((await controls())[0]).toMatchObject({ title: cut, attributes: { full_title: long } })
    const catalogs = async (): Promise<unknown[]> =>
      (await client.query('SELECT title, attributes FROM catalogs')).rows
    expect(await catalogs()).toEqual([{ title: cut, attributes: { full_title: long } }])
    expect(counts(await store(titled(long)))).toEqual([0, 0, 0, 2])
    // The beginning is the same, the rest is not.
    expect(counts(await store(titled(other)))).toEqual([0, 1, 0, 1])
    expect((await controls())[0]).toMatchObject({ title: cut, attributes: { full_title: other } })
    expect(await catalogs()).toEqual([{ title: cut, attributes: { full_title: other } }])
    await client.query(`UPDATE catalogs SET attributes = '{"by": "RapidRMF", "full_title": "x"}'`)
    await store({ ...titled('Short'), framework: titled(other).framework })
    expect((await controls())[0]).toMatchObject({ title: 'Short', attributes: {} })
    expect(await catalogs()).toEqual([{ title: 'Short', attributes: { by: 'RapidRMF' } }])
  })

  test('marks controls that the file no longer has, and unmarks them when they return', async () => {
    await store(nist('ac-1', 'ac-2', ['ac-3', 'ac-3.1']))
    const without = await storeWith({ confirmed: true }, nist('ac-1', 'ac-3'))
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

  test('of which more than a tenth would go is left as it is, unless that is confirmed', async () => {
    const ids = Array.from({ length: 20 }, (_, at) => `ac-${at + 1}`)
    await store(nist(...(ids as [string])))
    const before = await controls()
    expect((await store(nist(...(ids.slice(2) as [string])))).removed).toBe(2)
    await client.query(`UPDATE controls SET attributes = '{}'`)
    await expect(store(nist(...(ids.slice(3) as [string])))).rejects.toThrow(
      'nist.json: this would mark 3 of the 20 controls of the catalog "nist-800-53-rev5" as removed (AC-1, AC-2, AC-3), and they would not be validated any more; confirm that with --yes',
    )
    expect(await controls()).toEqual(before)
    const [dry] = await storeImports(client, [nist(...(ids.slice(3) as [string]))], { dryRun: true })
    expect(dry).toMatchObject({ removed: 3, removesMany: true })
    expect((await storeWith({ confirmed: true }, nist(...(ids.slice(3) as [string])))).removed).toBe(3)
  })

  test('is not the complete one because of its name: one of a baseline gets no other controls', async () => {
    const id = await insertCatalog(
      'nist-800-53-rev5-high',
      'nist-800-53-rev5',
      null,
      'NIST Special Publication 800-53 Revision 5 HIGH IMPACT BASELINE',
    )
    await insertControl(id, 'AC-2')
    expect(await store(nist('ac-2', 'ac-3'))).toMatchObject({ name: 'nist-800-53-rev5', added: 2 })
    expect(await controls()).toHaveLength(3)
    const named = prepared(
      catalog({ ac: ['ac-2'] }, 'NIST SP 800-53 Rev 5 Controls'),
      'nist.json',
      'NIST 800-53 Rev5 High',
    )
    await expect(store(named)).rejects.toThrow('holds another selection of nist-800-53-rev5')
  })

  test('whose framework is just "NIST" is recognised by its controls, and is no second catalog', async () => {
    await insertCatalog('main', 'NIST', null, 'Controls')
    const items = prepareBuiltin(undefined).map(({ item }) => item)
    const [index] = items
    if (index?.kind !== 'catalog') throw new Error('the catalog comes first')
    await client.query(
      `INSERT INTO controls (catalog_id, control_id, title, family, attributes)
       SELECT 1, id, title, left(id, 2), '{}' FROM unnest($1::text[], $2::text[]) c (id, title)`,
      [index.controls.map(({ controlId }) => controlId), index.controls.map(({ title }) => title)],
    )
    expect(await store(...items)).toMatchObject({ name: 'main', framework: 'NIST', added: 0, removed: 0 })
    expect((await listCatalogs(client)).map(({ name }) => name)).toEqual(['main'])
  })

  test('of a file that has got another title keeps its row, and its baselines follow', async () => {
    const edition = (year: number): Import =>
      prepared(catalog({ k: ['k-1', 'k-2'] }, `Handbook ${year}`), 'handbook.json')
    await store(edition(2025))
    await client.query(
      `INSERT INTO baselines (name, title, framework, loaded_at) VALUES ('b', 'B', 'handbook-2025', now())`,
    )
    expect(await store(edition(2026))).toMatchObject({
      name: 'handbook',
      framework: 'handbook-2026',
      unchanged: 2,
    })
    expect((await listBaselines(client)).map(({ framework }) => framework)).toEqual(['handbook-2026'])
  })

  test('with other controls under the same name is refused', async () => {
    await store(prepared(catalog({ k: ['k-1'] }, 'Handbook'), 'handbook.json'))
    await expect(store(prepared(catalog({ m: ['m-1'] }, 'Manual'), 'x.json', 'handbook'))).rejects.toThrow(
      'this is manual, but the catalog "handbook" holds handbook; give another name with --name, or, for a new edition, this framework with --framework handbook',
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
    expect((await findBaseline(client, 'MINE'))?.members).toEqual(new Set(['a1', 'b1']))
  })

  test('follows its file', async () => {
    await store(selecting('a1', 'b1'))
    const report = await store(selecting('b1', 'c1', 'c2'))
    expect(counts(report)).toEqual([2, 0, 1, 1])
    expect(report.removedIds).toEqual(['A1'])
    expect((await findBaseline(client, 'mine'))?.members).toEqual(new Set(['b1', 'c1', 'c2']))
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
