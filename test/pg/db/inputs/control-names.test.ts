import { expect, it } from 'vitest'
import { listControlNames, matchControls } from '../../../../job-image/db/inputs/control-names.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()
await client.query(`
  INSERT INTO catalogs (id, name, title, framework, loaded_at, attributes) VALUES
    (1, 'nist', 'NIST SP 800-53 Rev 5', 'nist-800-53-rev5', '2026-01-01', '{}'),
    (2, 'iso', 'ISO 27001', 'ISO 27001', '2026-01-01', '{}'),
    (3, 'also', 'NIST SP 800-53 Rev 5', 'nist-800-53-rev5', '2026-01-01', '{}');
  INSERT INTO controls (id, catalog_id, control_id, title, family, attributes) VALUES
    (1, 1, 'AC-10', '', 'AC', '{}'), (2, 1, 'ac-2(1)', '', 'AC', '{}'), (3, 1, 'AC-02', '', 'AC', '{}'),
    (4, 2, 'A.5.1', '', 'A', '{}'), (5, 3, 'AC-2', '', 'AC', '{}')`)
const names = await listControlNames(client)

it('controls are named in one spelling, with catalog and framework, in their natural order', () => {
  const ordered = [...names.values()].map(({ id, control, catalog, framework, rank }) => [
    id,
    control,
    catalog,
    framework,
    rank,
  ])
  expect(ordered).toEqual([
    [4, 'A.5.1', 'iso', 'iso-27001', 0],
    [5, 'AC-2', 'also', 'nist-800-53-rev5', 1],
    [3, 'AC-2', 'nist', 'nist-800-53-rev5', 2],
    [2, 'AC-2.1', 'nist', 'nist-800-53-rev5', 3],
    [1, 'AC-10', 'nist', 'nist-800-53-rev5', 4],
  ])
  expect(names.get(2)?.control).toBe('AC-2.1')
})

it.each([
  ['ac-2', [5, 3]],
  ['AC-2(1)', [2]],
  ['AC-*', [5, 3, 2, 1]],
  ['ac-2(*)', [2]],
  ['a.5.1', [4]],
  ['AU-2', []],
])('%s means the rows %j', (wanted, ids) => {
  expect(matchControls(names, wanted)).toEqual(ids)
})
