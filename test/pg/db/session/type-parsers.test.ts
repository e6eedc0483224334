import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createDatabase } from '../../../support/database.ts'

const { client } = await createDatabase('empty')

async function value(sql: string, values: unknown[] = []): Promise<unknown> {
  const { rows } = await client.query<{ value: unknown }>(`SELECT ${sql} AS value`, values)
  return rows[0]?.value
}

it.each([
  ['true', true],
  ['false', false],
  ['NULL::int', null],
  ['32767::smallint', 32767],
  ['-2147483648', -2147483648],
  ['9007199254740991::bigint', 9007199254740991],
  ['4294967295::oid', 4294967295],
  ['0.1::real', 0.1],
  [`'-Infinity'::float8`, -Infinity],
  ['1e308::float8', 1e308],
  ['12345678901234567890.5::numeric', '12345678901234567890.5'],
  [`'a'::name`, 'a'],
  [`'{"a": [1, null]}'::json`, { a: [1, null] }],
  [`'{"a": [1, null]}'::jsonb`, { a: [1, null] }],
  [`timestamp '2026-03-29 02:30:00.123456'`, '2026-03-29 02:30:00.123456'],
  [`timestamp 'infinity'`, 'infinity'],
  [`'{1,NULL,-3}'::int[]`, [1, null, -3]],
  [`'{}'::int[]`, []],
  [`'[2:3]={5,6}'::int[]`, [5, 6]],
  [`ARRAY['a', '', 'NULL', NULL]::name[]`, ['a', '', 'NULL', null]],
])('%s', async (sql, expected) => {
  expect(await value(sql)).toEqual(expected)
})

/** Neither NUL nor half of a surrogate pair is a text for PostgreSQL. */
const text = fc.string({ unit: 'binary' }).map((each) => each.toWellFormed().replaceAll('\0', ''))

it('gives back any bytes and any list of texts, whatever the output format of the role', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), fc.array(fc.option(text)), async (bytes, texts) => {
      expect(await value('$1::bytea', [Buffer.from(bytes)])).toEqual(Buffer.from(bytes))
      expect(await value('$1::text[]', [texts])).toEqual(texts)
    }),
    { numRuns: 100 },
  )
})
