import { beforeEach, describe, expect, it } from 'vitest'
import { findBaseline, listBaselines, storeBaseline } from '../../../../job-image/db/inputs/baselines.ts'
import type { BaselineImport, ImportReport } from '../../../../job-image/oscal/import.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()

beforeEach(() =>
  client.query(`
    TRUNCATE catalogs, controls, baselines RESTART IDENTITY CASCADE;
    INSERT INTO catalogs (id, name, title, framework, loaded_at, attributes) VALUES
      (1, 'nist', 'NIST SP 800-53 Rev 5', 'nist-800-53-rev5', '2026-01-01', '{}'),
      (2, 'own', 'Own', 'own', '2026-01-01', '{}');
    INSERT INTO controls (catalog_id, control_id, title, family, attributes) VALUES
      (1, 'AC-1', '', 'AC', '{}'), (1, 'AC-2', '', 'AC', '{"removed": true}'), (2, 'AC-3', '', 'AC', '{}')`),
)

const baseline = (changes: Partial<BaselineImport> = {}): BaselineImport => ({
  kind: 'baseline',
  source: 'low.json',
  name: 'nist-800-53-rev5-low',
  title: 'Low',
  version: '5.1',
  framework: 'nist-800-53-rev5',
  controls: ['ac-1', 'ac-2', 'ac-3'],
  withdrawn: 1,
  ...changes,
})

const changes = ({ added, changed, removed, unchanged }: ImportReport): number[] => [
  added,
  changed,
  removed,
  unchanged,
]

describe('a baseline is stored', () => {
  it('with its members, and with the report of those that no live control of its framework is', async () => {
    expect(await storeBaseline(client, baseline())).toEqual({
      kind: 'baseline',
      name: 'nist-800-53-rev5-low',
      title: 'Low',
      version: '5.1',
      framework: 'nist-800-53-rev5',
      source: 'low.json',
      controls: 3,
      withdrawn: 1,
      added: 3,
      changed: 0,
      removed: 0,
      unchanged: 0,
      removedIds: [],
      removesMany: false,
      missing: ['AC-2', 'AC-3'],
    })
    expect(await listBaselines(client)).toEqual([
      {
        name: 'nist-800-53-rev5-low',
        title: 'Low',
        version: '5.1',
        framework: 'nist-800-53-rev5',
        source: 'low.json',
        loadedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
        controls: 3,
      },
    ])
  })

  it('again with its changes only, under the name that it has', async () => {
    await storeBaseline(client, baseline())
    const again = baseline({ name: 'NIST-800-53-Rev5-Low', controls: ['ac-1', 'ac-4'] })
    const report = await storeBaseline(client, again)
    expect(changes(report)).toEqual([1, 0, 2, 1])
    expect(report).toMatchObject({ name: 'nist-800-53-rev5-low', removedIds: ['AC-2', 'AC-3'] })
    const found = await findBaseline(client, 'nist-800-53-rev5-low')
    expect(found?.members).toEqual(new Set(['ac-1', 'ac-4']))
  })

  it('without a new time where nothing has changed', async () => {
    await storeBaseline(client, baseline())
    await client.query(`UPDATE baselines SET loaded_at = '2026-01-01'`)
    expect(changes(await storeBaseline(client, baseline()))).toEqual([0, 0, 0, 3])
    expect(await listBaselines(client)).toMatchObject([{ loadedAt: '2026-01-01T00:00:00Z' }])
  })

  it.each([
    { title: 'Low Impact' },
    { version: null },
    { framework: 'own' },
    { source: 'other.json' },
    { controls: ['ac-1'] },
  ])('with a new time where it has %j', async (changed) => {
    await storeBaseline(client, baseline())
    await client.query(`UPDATE baselines SET loaded_at = '2026-01-01'`)
    await storeBaseline(client, baseline(changed))
    const [row] = await listBaselines(client)
    expect(row?.loadedAt).not.toBe('2026-01-01T00:00:00Z')
    expect(row).toMatchObject({ ...changed, controls: changed.controls?.length ?? 3 })
  })

  it('over ids of an earlier spelling as a change of these members', async () => {
    await storeBaseline(client, baseline({ framework: 'own', controls: ['a-1', 'a-2'] }))
    const report = await storeBaseline(client, baseline({ framework: 'own', controls: ['a-01', 'a-2'] }))
    expect(changes(report)).toEqual([0, 1, 0, 1])
  })
})

describe('a baseline is found', () => {
  beforeEach(async () => {
    await storeBaseline(client, baseline({ framework: 'nist-800-53-rev5, own' }))
  })

  it.each(['nist-800-53-rev5-low', 'NIST 800-53 rev5 low', 'low', 'LOW'])('by %s', async (name) => {
    expect(await findBaseline(client, name)).toEqual({
      name: 'nist-800-53-rev5-low',
      frameworks: ['nist-800-53-rev5', 'own'],
      members: new Set(['ac-1', 'ac-2', 'ac-3']),
    })
  })

  it('not by another name', async () => {
    expect(await findBaseline(client, 'moderate')).toBeUndefined()
  })
})
