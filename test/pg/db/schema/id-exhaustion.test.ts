import { beforeEach, describe, expect, it } from 'vitest'
import { idSpace, refuseExhaustedIds, widenIds } from '../../../../job-image/db/schema/id-exhaustion.ts'
import { InputError } from '../../../../job-image/errors.ts'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase('empty')
const LARGEST = 2_147_483_647

/** Two systems and three controls: a run of everything needs six ids. */
beforeEach(() =>
  client.query(`
    DROP TABLE IF EXISTS systems, controls, validation_results;
    CREATE TABLE systems AS SELECT 'production' AS environment FROM generate_series(1, 2)
                            UNION ALL SELECT 'staging';
    CREATE TABLE controls AS SELECT generate_series(1, 3) AS id;
    CREATE TABLE validation_results (id serial PRIMARY KEY)`),
)

const useUp = (last: number): Promise<unknown> =>
  client.query(`SELECT setval('validation_results_id_seq', $1)`, [last])
const never = (): never => expect.unreachable()

/** The warnings of a check, whose selection needs so many ids. */
async function warningsOf(selected: () => Promise<number> = never): Promise<string[]> {
  const warnings: string[] = []
  await refuseExhaustedIds(client, 'production', selected, (message) => warnings.push(message))
  return warnings
}

describe('the space of ids', () => {
  it('is that of the integer, from the first id on', async () => {
    expect(await idSpace(client)).toEqual({ last: 0, left: LARGEST, used: 0 })
    await useUp(LARGEST - 5)
    expect(await idSpace(client)).toMatchObject({ last: LARGEST - 5, left: 5 })
  })

  it.each([
    ['smallint', 'ALTER TABLE validation_results ALTER id TYPE smallint', 32_767],
    [
      'a domain of integer',
      'CREATE DOMAIN ids AS integer; ALTER TABLE validation_results ALTER id TYPE ids',
      LARGEST,
    ],
    [
      'bigint with the sequence of an integer',
      'ALTER TABLE validation_results ALTER id TYPE bigint',
      LARGEST,
    ],
    ['a sequence that ends earlier', 'ALTER SEQUENCE validation_results_id_seq MAXVALUE 100', 100],
    ['a sequence with steps', 'ALTER SEQUENCE validation_results_id_seq INCREMENT 10 MAXVALUE 105', 10],
  ])('of %s', async (_, sql, left) => {
    await client.query(sql)
    expect((await idSpace(client))?.left).toBe(left)
  })

  it('without a sequence is counted from the largest id', async () => {
    await client.query(`ALTER TABLE validation_results ALTER id DROP DEFAULT; DROP SEQUENCE validation_results_id_seq;
                        INSERT INTO validation_results VALUES (7), (9)`)
    expect(await idSpace(client)).toMatchObject({ last: 9, left: LARGEST - 9 })
  })

  it('of a bigint, or without the table, has no end', async () => {
    await client.query(
      'ALTER TABLE validation_results ALTER id TYPE bigint; ALTER SEQUENCE validation_results_id_seq AS bigint',
    )
    expect(await idSpace(client)).toBeUndefined()
    await client.query('DROP TABLE validation_results')
    expect(await idSpace(client)).toBeUndefined()
  })
})

describe('a run', () => {
  it('is accepted without a look at its selection where all of the environment fits', async () => {
    await useUp(LARGEST - 6)
    expect(await warningsOf()).toHaveLength(1)
  })

  it('is refused where its selection does not fit', async () => {
    await useUp(LARGEST - 5)
    const refused = warningsOf(async () => 6)
    await expect(refused).rejects.toThrow(InputError)
    await expect(refused).rejects.toThrow(
      /: 5 are left and this run may need 6; run "rapidrmf db widen-ids --yes"/,
    )
    expect(await warningsOf(async () => 5)).toHaveLength(1)
  })

  it('has a warning from 80 % on', async () => {
    await useUp(Math.floor(LARGEST * 0.8))
    expect(await warningsOf()).toEqual([])
    await useUp(Math.ceil(LARGEST * 0.8))
    expect(await warningsOf()).toEqual([
      '80 % of the ids of validation_results are used; plan a "rapidrmf db widen-ids --yes"',
    ])
  })
})

describe('ids are widened', () => {
  it('to bigint with their sequence, once', async () => {
    await useUp(LARGEST)
    expect(await widenIds(client)).toBe(true)
    await client.query('INSERT INTO validation_results DEFAULT VALUES')
    const { rows } = await client.query('SELECT id::text FROM validation_results')
    expect(rows).toEqual([{ id: String(LARGEST + 1) }])
    expect(await widenIds(client)).toBe(false)
  })

  it('where only the sequence is the limit', async () => {
    await client.query('ALTER TABLE validation_results ALTER id TYPE bigint')
    expect(await widenIds(client)).toBe(true)
    expect(await idSpace(client)).toBeUndefined()
  })
})
