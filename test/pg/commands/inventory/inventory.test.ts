import { beforeEach, describe, expect, test } from 'vitest'
import { createDatabase } from '../../../support/database.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'

const { client, url } = await createDatabase()
const folder = createFolder()
const SHA = { a: 'aa'.repeat(32), b: 'bb'.repeat(32) }
const evidence = (sha256: string, key: string): string =>
  `      - { type: audit-log, key: ${key}, sha256: ${sha256}, collected_at: 2026-11-01 }\n`
const TWO = `systems:
  - name: ledger
    environment: production
    evidence:
${evidence(SHA.a, 'a.json')}${evidence(SHA.b, 'b.json')}  - name: web
    environment: production
`

beforeEach(async () => {
  await client.query('DELETE FROM evidence; DELETE FROM systems')
})

function apply(inventory: string, ...flags: string[]) {
  folder.write('inventory.yaml', inventory)
  return runArgv(['inventory', 'apply', 'inventory.yaml', ...flags], {
    cwd: folder.path,
    env: { DATABASE_URL: url, RAPIDRMF_OUTAGE: '0' },
  })
}

async function applyJson(inventory: string, ...flags: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await apply(inventory, '--json', ...flags)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out) as Record<string, unknown>
}

const NONE = { added: 0, changed: 0, unchanged: 0, removed: 0 }

describe('the report of an inventory', () => {
  test('has the state of each system, and totals', async () => {
    expect(await applyJson(TWO)).toEqual({
      dry_run: false,
      totals: {
        systems: { added: 2, changed: 0, moved: 0, unchanged: 0 },
        evidence: { ...NONE, added: 2 },
      },
      systems: [
        { system: 'ledger', environment: 'production', state: 'added', ...NONE, added: 2 },
        { system: 'web', environment: 'production', state: 'added', ...NONE },
      ],
    })
    const changed = TWO.replace(evidence(SHA.b, 'b.json'), '').replace('a.json', 'c.json')
    expect(await applyJson(changed, '--prune')).toMatchObject({
      totals: { systems: { unchanged: 2 }, evidence: { added: 0, changed: 1, unchanged: 0, removed: 1 } },
    })
  })

  test('is a table with totals for people, and says that a dry run changed nothing', async () => {
    const { code, out } = await apply(TWO, '--dry-run')
    expect(code).toBe(0)
    expect(out).toMatch(/ledger .*production .*added .*2 .*0 .*0 .*0/)
    expect(out).toContain('\nsystems: 2 added, 0 changed, 0 moved, 0 unchanged\n')
    expect(out).toMatch(
      /evidence: 2 added, 0 changed, 0 unchanged, 0 removed\ndry run: nothing was changed\n$/,
    )
    expect((await client.query('SELECT FROM systems')).rowCount).toBe(0)
    expect((await apply(TWO)).out).not.toContain('dry run')
    expect((await client.query('SELECT FROM systems')).rowCount).toBe(2)
  })
})

describe('the environment of an inventory', () => {
  const WITHOUT = TWO.replaceAll('    environment: production\n', '')

  test('may come from the flag, if the database knows it', async () => {
    await apply(TWO)
    expect(await apply(WITHOUT, '--env', 'prodction')).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean "production"?') as string,
    })
    expect(await applyJson(WITHOUT, '--env', 'production')).toMatchObject({
      totals: { systems: { unchanged: 2 } },
    })
  })

  test('may be new to the database, if the file names it', async () => {
    await apply(TWO)
    const other = TWO.replaceAll('production', 'staging').replaceAll('ledger', 'l').replaceAll('web', 'w')
    expect(await applyJson(other)).toMatchObject({ totals: { systems: { added: 2 } } })
  })

  test('of a system changes only with --move', async () => {
    await apply(TWO)
    const moved = TWO.replaceAll('production', 'staging')
    expect((await apply(moved)).code).toBe(2)
    expect(await applyJson(moved, '--move')).toMatchObject({ totals: { systems: { moved: 2 } } })
  })
})

test('a file that does not exist is refused before the database is asked', async () => {
  const { code, err } = await runArgv(['inventory', 'apply', 'none.yaml'], { cwd: folder.path })
  expect(code).toBe(2)
  expect(err).toContain('none.yaml')
})

test('evidence that expires with the last microsecond of the year 9999 is stored, and then unchanged', async () => {
  const never = TWO.replace(
    /(sha256: a+, collected_at: 2026-11-01)/,
    '$1, expires_at: "9999-12-31T23:59:59.999999Z"',
  )
  expect(never).not.toBe(TWO)
  expect(await applyJson(never)).toMatchObject({ totals: { evidence: { added: 2 } } })
  expect(await applyJson(never)).toMatchObject({ totals: { evidence: { unchanged: 2 } } })
  const { rows } = await client.query('SELECT max(expires_at)::date::text AS day FROM evidence')
  expect(rows).toEqual([{ day: '9999-12-31' }])
})
