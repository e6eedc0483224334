import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { OWN_TABLES, MIGRATIONS_TABLE, SHARED_TABLES } from '../../../../job-image/db/schema/shared-tables.ts'
import { STATUS_LABELS, foundTables, shapeProblems } from '../../../../job-image/db/schema/table-shapes.ts'
import { createDatabase } from '../../../support/database.ts'
import { columnsOf, publicTables } from '../../../support/tables.ts'

const SHARED = Object.keys(SHARED_TABLES)

describe('the list of shared tables', () => {
  it('is what the migrations make', async () => {
    const { client } = await createDatabase()
    expect(await publicTables(client)).toEqual([...SHARED, ...OWN_TABLES, MIGRATIONS_TABLE].sort())
    const stored = new Map(
      (await columnsOf(client, SHARED)).map((each) => [`${each.table}.${each.column}`, each.type]),
    )
    for (const [table, { columns }] of Object.entries(SHARED_TABLES)) {
      for (const [column, { type }] of Object.entries(columns)) {
        expect(stored.get(`${table}.${column}`), `${table}.${column}`).toBe(type)
      }
    }
    expect(shapeProblems(await foundTables(client))).toEqual([])
    const { rows } = await client.query(
      `SELECT conrelid::regclass::text AS table, confrelid::regclass::text AS to FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text = ANY ($1) ORDER BY 1, 2`,
      [SHARED],
    )
    const references = Object.entries(SHARED_TABLES).flatMap(([table, { references: to }]) =>
      to.map((other) => ({ table, to: other })),
    )
    const byName = (a: { table: string; to: string }, b: typeof a) =>
      `${a.table} ${a.to}` < `${b.table} ${b.to}` ? -1 : 1
    expect(rows.toSorted(byName)).toEqual(references.toSorted(byName))
  })

  it('is what the enum of the migrations holds', async () => {
    const { client } = await createDatabase()
    const { rows } = await client.query(`SELECT array_to_json(enum_range(NULL::validationstatus)) AS labels`)
    expect(rows).toEqual([{ labels: STATUS_LABELS }])
  })

  it('is in docs/tables.md, column by column', () => {
    const lines = readFileSync('docs/tables.md', 'utf8').split('\n')
    for (const [table, { columns }] of Object.entries(SHARED_TABLES)) {
      const row = lines.find((line) => line.startsWith(`| \`${table}\``))
      for (const column of Object.keys(columns))
        expect(row, `${table}.${column}`).toMatch(new RegExp(`\\b${column}\\b`))
    }
    for (const table of OWN_TABLES) expect(lines.join('\n')).toContain(`\`${table}\``)
  })
})
