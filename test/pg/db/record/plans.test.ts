import { beforeEach, describe, expect, it } from 'vitest'
import { readControlSets, readPlan, storePlan } from '../../../../job-image/db/record/plans.ts'
import type { SetControl } from '../../../../job-image/db/record/plans.ts'
import { DroppedRows } from '../../../../job-image/db/session/dropped-rows.ts'
import { loadRuleSet } from '../../../../job-image/rules/load.ts'
import { compilePlan, decideSystem } from '../../../../job-image/validation/decide.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase()
const CONTROLS: SetControl[] = [
  { id: 12, catalog: 'nist-800-53-rev5', control: 'AC-2', family: 'AC' },
  { id: 11, catalog: 'nist-800-53-rev5', control: 'ZZ-1', family: 'ZZ' },
]
const RENAMED = CONTROLS.map((control) => ({ ...control, catalog: 'renamed' }))
const PLAN = compilePlan(
  loadRuleSet(),
  CONTROLS.map(({ id, catalog, control }) => ({
    id,
    catalogId: 1,
    controlId: control,
    framework: catalog,
    requirements: [],
  })),
)
const digest = (byte: number): Buffer => Buffer.alloc(32, byte)
const count = async (table: 'plans' | 'control_sets'): Promise<number> => {
  const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)
  return rows[0]!.count
}

beforeEach(() => client.query('TRUNCATE plans, control_sets CASCADE'))

describe('storing a plan', () => {
  it('stores equal controls once, for any number of plans', async () => {
    const id = await storePlan(client, PLAN, digest(1), CONTROLS)
    expect(await storePlan(client, PLAN, digest(2), structuredClone(CONTROLS))).toBe(id)
    expect([await count('plans'), await count('control_sets')]).toEqual([2, 1])
  })

  it.each([
    ['another name of the catalog', RENAMED],
    ['another order', CONTROLS.toReversed()],
    ['one control less', CONTROLS.slice(1)],
    ['another family', CONTROLS.map((control) => ({ ...control, family: 'AU' }))],
  ])('stores controls with %s as another set', async (_, others) => {
    const id = await storePlan(client, PLAN, digest(1), CONTROLS)
    const other = await storePlan(client, PLAN, digest(2), others)
    expect(other).not.toBe(id)
    expect((await readControlSets(client, [id, other])).get(other)).toEqual(others)
  })

  it('leaves a stored plan with the controls, and the names, it was stored with', async () => {
    const id = await storePlan(client, PLAN, digest(1), CONTROLS)
    expect(await storePlan(client, PLAN, digest(1), RENAMED)).toBe(id)
    expect((await readControlSets(client, [id])).get(id)).toEqual(CONTROLS)
    expect(await readPlan(client, digest(1))).toMatchObject({ controlSetId: id })
  })

  it('states the number of its controls, and which of them are unknown for every system', async () => {
    await storePlan(client, PLAN, digest(1), CONTROLS)
    const { rows } = await client.query(
      'SELECT s.size, p.unknown::text FROM plans p JOIN control_sets s ON s.id = p.control_set_id',
    )
    // The plan is ordered by id: ZZ-1, which no rule covers, comes first.
    expect(rows).toEqual([{ size: 2, unknown: '10' }])
  })

  it.each([
    ['plans', /plans does not hold the plan of this run/],
    ['control_sets', /control_sets does not hold the controls of this run/],
  ])('fails if a trigger drops the row of %s', async (table, message) => {
    await client.query(
      `CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER hush BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION hush()`,
    )
    try {
      const error = await storePlan(client, PLAN, digest(1), CONTROLS).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(DroppedRows)
      expect((error as Error).message).toMatch(message)
    } finally {
      await client.query('DROP FUNCTION hush CASCADE')
    }
  })
})

describe('reading a plan', () => {
  it('gives one that decides as the stored one', async () => {
    await storePlan(client, PLAN, digest(1), CONTROLS)
    const { plan } = (await readPlan(client, digest(1)))!
    expect(decideSystem(plan, [], 0)).toEqual(decideSystem(PLAN, [], 0))
  })

  it('finds none with another digest, and no control set with another id', async () => {
    const id = await storePlan(client, PLAN, digest(1), CONTROLS)
    expect(await readPlan(client, digest(2))).toBeUndefined()
    expect([...(await readControlSets(client, [id + 1]))]).toEqual([])
    expect([...(await readControlSets(client, []))]).toEqual([])
  })
})
