import { beforeEach, describe, expect, it } from 'vitest'
import { foreignResults } from '../../../../job-image/db/results/foreign-results.ts'
import { createDatabase } from '../../../support/database.ts'
import { addForeignResult, addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [first = 0, second = 0] = await seedWorld(client, { systems: 2, controls: ['AC-1', 'AC-2'] })
const controls = await controlIds(client)
const [ac1 = 0, ac2 = 0] = controls
const NOON = '2026-01-01 12:00:00'
const LATER = '2026-01-01 12:00:00.000001'

beforeEach(() => clearHistory(client))

const theirs = (systemId: number, controlId: number, validatedAt: string, status = 'FAIL') =>
  addForeignResult(client, { systemId, controlId, validatedAt, status })

const ALL = [
  { systemId: first, since: null },
  { systemId: second, since: null },
]

async function found(
  systems: Parameters<typeof foreignResults>[1] = ALL,
  controlsWanted?: number[],
): Promise<unknown[]> {
  const rows = await foreignResults(client, systems, controlsWanted)
  return rows.map(({ systemId, controlId, status, validatedAt }) => [
    systemId,
    controlId,
    status,
    validatedAt,
  ])
}

describe('results of other programs', () => {
  it('are the newest one of each system and control, by time and then by id', async () => {
    await theirs(second, ac1, NOON)
    await theirs(first, ac2, LATER, 'PASS')
    await theirs(first, ac2, NOON)
    await theirs(first, ac1, NOON, 'PASS')
    await theirs(first, ac1, NOON, 'UNKNOWN')
    expect(await found()).toEqual([
      [first, ac1, 'UNKNOWN', NOON],
      [first, ac2, 'PASS', LATER],
      [second, ac1, 'FAIL', NOON],
    ])
  })

  it('count if they are later than the time of their system, by a microsecond', async () => {
    await theirs(first, ac1, NOON)
    await theirs(first, ac2, LATER)
    await theirs(second, ac1, '-infinity')
    expect(await found([{ systemId: first, since: NOON }])).toEqual([[first, ac2, 'FAIL', LATER]])
    expect(await found([{ systemId: second, since: NOON }])).toEqual([])
    expect(await found([{ systemId: second, since: null }])).toEqual([[second, ac1, 'FAIL', '-infinity']])
  })

  it('can be restricted to controls', async () => {
    for (const control of controls) await theirs(first, control, NOON)
    expect(await found(ALL, [ac2])).toEqual([[first, ac2, 'FAIL', NOON]])
    expect(await found(ALL, [])).toEqual([])
  })

  it('are not those of runs', async () => {
    await addRun(client, { answers: [{ systemId: first, controlIds: controls }] })
    expect(await found()).toEqual([])
  })

  it('come with all that the program stored', async () => {
    await theirs(first, ac1, NOON)
    await client.query(`UPDATE validation_results SET remediation = 'Do it.', attributes = '{"by":"hand"}'`)
    const { rows } = await client.query<{ id: string }>('SELECT id::text AS id FROM validation_results')
    expect(await foreignResults(client, ALL, undefined)).toEqual([
      {
        systemId: first,
        controlId: ac1,
        status: 'FAIL',
        message: 'theirs',
        evidenceKeys: ['theirs.json'],
        remediation: 'Do it.',
        validatedAt: NOON,
        attributes: { by: 'hand' },
        id: rows[0]?.id,
      },
    ])
  })
})
