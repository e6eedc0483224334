import { join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { inventoryCommand } from '../../../../job-image/commands/inventory/inventory.ts'
import { applyInventory } from '../../../../job-image/db/inputs/inventory.ts'
import { parseInventory } from '../../../../job-image/inventory/inventory.ts'
import { createDatabase } from '../../../support/database.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createFolder, runCommand } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'

const folder = createFolder()
const database: TestDatabase = await createDatabase()
const { client } = database

const apply = (text: string, ...flags: string[]): Promise<Ran> => {
  folder.write('inventory.yaml', text)
  return runCommand(inventoryCommand, ['apply', 'inventory.yaml', ...flags], {
    cwd: folder.path,
    env: { DATABASE_URL: database.url },
  })
}

type Change = Record<string, unknown>

async function changes(text: string, ...flags: string[]): Promise<Change[]> {
  const { code, out, err } = await apply(text, '--json', ...flags)
  if (code !== 0) throw new Error(err)
  return (JSON.parse(out) as { systems: Change[] }).systems
}

const change = (system: string, state: string, counts: Record<string, number> = {}): Change => {
  return {
    system,
    environment: 'production',
    state,
    added: 0,
    changed: 0,
    unchanged: 0,
    removed: 0,
    ...counts,
  }
}

/** Every row with its version: xmin changes whenever a row is written. */
async function snapshot(): Promise<unknown> {
  const systems = await client.query('SELECT xmin::text, * FROM systems ORDER BY id')
  const evidence = await client.query('SELECT xmin::text, * FROM evidence ORDER BY id')
  return { systems: systems.rows, evidence: evidence.rows }
}

beforeEach(async () => {
  await client.query('TRUNCATE systems, evidence CASCADE')
})

const sha = (digit: string): string => digit.repeat(64)
folder.write('audit.json', '{}')

const INVENTORY = `
environment: production
systems:
  - name: payroll
    description: Pays people
    attributes: { tier: 1, tags: [a, b] }
    evidence:
      - { type: audit-log, key: logs/1, file: audit.json, collected_at: 2026-11-01T08:00:00.123456+02:00 }
      - { type: iam-config, key: iam/1, sha256: ${sha('b')}, collected_at: 2026-11-01, expires_at: 2027-01-01, attributes: { x: 1.0 } }
  - name: web
`

describe('inventory apply', () => {
  test('stores systems and evidence', async () => {
    expect(await changes(INVENTORY)).toEqual([
      change('payroll', 'added', { added: 2 }),
      change('web', 'added'),
    ])
    const systems = await client.query(
      `SELECT name, description, environment, attributes, updated_at,
              abs(extract(epoch FROM created_at - now() AT TIME ZONE 'UTC')) < 60 AS recent FROM systems ORDER BY name`,
    )
    expect(systems.rows).toEqual([
      {
        name: 'payroll',
        description: 'Pays people',
        environment: 'production',
        attributes: { tier: 1, tags: ['a', 'b'] },
        updated_at: null,
        recent: true,
      },
      {
        name: 'web',
        description: null,
        environment: 'production',
        attributes: {},
        updated_at: null,
        recent: true,
      },
    ])
    const evidence = await client.query(
      'SELECT evidence_type, key, filename, size, collected_at, expires_at, attributes FROM evidence ORDER BY key',
    )
    expect(evidence.rows).toEqual([
      {
        evidence_type: 'iam-config',
        key: 'iam/1',
        filename: null,
        size: null,
        collected_at: '2026-11-01 00:00:00',
        expires_at: '2027-01-01 00:00:00',
        attributes: { x: 1 },
      },
      {
        evidence_type: 'audit-log',
        key: 'logs/1',
        filename: 'audit.json',
        size: 2,
        collected_at: '2026-11-01 06:00:00.123456',
        expires_at: null,
        attributes: {},
      },
    ])
  })

  test('the second time writes nothing', async () => {
    await changes(INVENTORY)
    const before = await snapshot()
    expect(await changes(INVENTORY, '--prune', '--move')).toEqual([
      change('payroll', 'unchanged', { unchanged: 2 }),
      change('web', 'unchanged'),
    ])
    expect(await snapshot()).toEqual(before)
  })

  test('writes what changed and nothing else; what the file leaves out stays', async () => {
    await changes(INVENTORY)
    const before = (await client.query('SELECT xmin::text FROM evidence ORDER BY id')).rows
    const changed = `
environment: production
systems:
  - name: payroll
    attributes: { tier: 2 }
    evidence:
      - { type: iam-policy, key: iam/2, sha256: ${sha('b')}, collected_at: 2026-11-02 }
      - { type: sbom, key: sbom/1, sha256: ${sha('c')}, collected_at: 2026-11-02 }
`
    expect(await changes(changed)).toEqual([change('payroll', 'changed', { added: 1, changed: 1 })])
    const { rows } = await client.query(
      'SELECT evidence_type, key, expires_at, attributes, xmin::text FROM evidence ORDER BY id',
    )
    expect(rows).toMatchObject([
      { evidence_type: 'audit-log', xmin: before[0].xmin },
      { evidence_type: 'iam-policy', key: 'iam/2', expires_at: null, attributes: { x: 1 } },
      { evidence_type: 'sbom' },
    ])
    const systems = await client.query('SELECT description, attributes, updated_at FROM systems ORDER BY id')
    expect(systems.rows).toEqual([
      { description: 'Pays people', attributes: { tier: 2 }, updated_at: expect.any(String) },
      { description: null, attributes: {}, updated_at: null },
    ])
  })

  test('--prune removes evidence only of systems whose evidence is listed', async () => {
    await changes(INVENTORY)
    await changes(
      `environment: production\nsystems: [{ name: other, evidence: [{ type: t, key: k, sha256: ${sha('d')}, collected_at: 2026-01-01 }] }]`,
    )
    expect(
      await changes(
        'environment: production\nsystems: [{ name: payroll, evidence: [] }, { name: other }]',
        '--prune',
      ),
    ).toEqual([change('payroll', 'unchanged', { removed: 2 }), change('other', 'unchanged')])
    expect((await client.query('SELECT key FROM evidence')).rows).toEqual([{ key: 'k' }])
  })

  test('a system changes its environment only with --move', async () => {
    await changes(INVENTORY)
    const moved = INVENTORY.replace('environment: production', 'environment: staging')
    const before = await snapshot()
    const refused = await apply(moved)
    expect(refused.code).toBe(2)
    expect(refused.err.replaceAll(`${folder.path}/`, '').split('\n')).toEqual([
      'inventory.yaml:4:5: systems.0.name: is in the environment "production", not "staging"; add --move to move it',
      'inventory.yaml:10:5: systems.1.name: is in the environment "production", not "staging"; add --move to move it',
    ])
    expect(await snapshot()).toEqual(before)
    expect(await changes(moved, '--move')).toMatchObject([
      { state: 'moved', unchanged: 2 },
      { state: 'moved' },
    ])
    expect((await client.query('SELECT DISTINCT environment FROM systems')).rows).toEqual([
      { environment: 'staging' },
    ])
  })

  test('--dry-run reports the same and writes nothing', async () => {
    const { out } = await apply(INVENTORY, '--dry-run')
    expect(out).toContain('systems: 2 added, 0 changed, 0 moved, 0 unchanged')
    expect(out).toContain('evidence: 2 added, 0 changed, 0 unchanged, 0 removed')
    expect(out).toMatch(/dry run: nothing was changed\n$/)
    expect(await snapshot()).toEqual({ systems: [], evidence: [] })
    expect(await changes(INVENTORY)).toMatchObject([{ state: 'added' }, { state: 'added' }])
  })

  test('a row that the database refuses leaves nothing behind', async () => {
    await client.query("ALTER TABLE evidence ADD CONSTRAINT no_iam CHECK (evidence_type <> 'iam-config')")
    try {
      const { code, err } = await apply(INVENTORY)
      expect(code).toBe(2)
      expect(err).toMatch(/inventory\.yaml: the database refuses a row: .*"no_iam"; nothing was changed$/)
      expect(await snapshot()).toEqual({ systems: [], evidence: [] })
    } finally {
      await client.query('ALTER TABLE evidence DROP CONSTRAINT no_iam')
    }
  })

  test.each(['systems', 'evidence'])(
    'a table of %s that drops rows is refused, not counted',
    async (table) => {
      await client.query(
        `CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TRIGGER hush BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION hush()`,
      )
      const before = await snapshot()
      const { code, err } = await apply(INVENTORY)
      await client.query('DROP FUNCTION hush CASCADE')
      expect(err).toMatch(
        new RegExp(`table ${table} does not hold 2 of the 2 rows of the inventory.*trigger hush`),
      )
      expect(code).toBe(2)
      expect(await snapshot()).toEqual(before)
    },
  )

  test('evidence that a trigger stores in a partition is there', async () => {
    await client.query(
      `CREATE TABLE part () INHERITS (evidence);
       CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO part SELECT NEW.*; RETURN NULL; END $$;
       CREATE TRIGGER hush BEFORE INSERT ON evidence FOR EACH ROW EXECUTE FUNCTION hush()`,
    )
    const added = await changes(INVENTORY)
    await client.query('DROP FUNCTION hush CASCADE; DROP TABLE part')
    expect(added).toEqual([change('payroll', 'added', { added: 2 }), change('web', 'added')])
  })

  test('evidence that other tables refer to cannot be pruned, and says so', async () => {
    await changes(INVENTORY)
    await client.query('CREATE TABLE refers (evidence_id integer REFERENCES evidence (id))')
    try {
      await client.query('INSERT INTO refers SELECT id FROM evidence')
      const { code, err } = await apply(
        'environment: production\nsystems: [{ name: payroll, evidence: [] }]',
        '--prune',
      )
      expect([code, err]).toEqual([2, expect.stringContaining('leave out --prune; nothing was changed')])
    } finally {
      await client.query('DROP TABLE refers')
    }
  })

  test('odd names come back as they were', async () => {
    const texts = [
      'O\'Reilly "x" \\ $1',
      'tab\there',
      'two\nlines',
      '😀'.repeat(255),
      ' space ',
      '{"a":1}',
      '--',
      '\u202e',
    ]
    // Invisible characters are refused in names, and in no other text.
    const nameOf = (text: string): string => text.replaceAll(/[\t\n\u202e]/g, '_')
    const inventory = {
      environment: 'pro\'d"uction 😀',
      systems: texts.map((text, index) => ({
        name: nameOf(text),
        description: text,
        attributes: { [text]: text },
        evidence: [
          {
            type: nameOf(text).slice(0, 100),
            key: text,
            sha256: sha(String(index)),
            collected_at: '2026-01-01',
          },
        ],
      })),
    }
    await changes(JSON.stringify(inventory))
    const { rows } = await client.query(
      'SELECT name, description, s.attributes, environment, key FROM systems s JOIN evidence e ON e.system_id = s.id ORDER BY s.id',
    )
    expect(rows).toEqual(
      texts.map((text) => ({
        name: nameOf(text),
        description: text,
        attributes: { [text]: text },
        environment: inventory.environment,
        key: text,
      })),
    )
    expect(
      (await changes(JSON.stringify(inventory))).every(
        ({ state, unchanged }) => state === 'unchanged' && unchanged === 1,
      ),
    ).toBe(true)
  })

  test('rows of other programs: several of one content, infinity, escapes that jsonb refuses', async () => {
    await client.query(
      `INSERT INTO systems (id, name, environment, created_at, attributes) VALUES (1, 'payroll', 'production', now(), '{"x": "\\u0000"}');
       INSERT INTO evidence (system_id, evidence_type, key, sha256, collected_at, expires_at, attributes) VALUES
         (1, 'old', 'k', '${sha('b')}', '2020-01-01', 'infinity', '{"x": "\\u0000"}'),
         (1, 't', 'k', '${sha('b')}', '2026-01-01', NULL, '{}')`,
    )
    const text = (more: string): string =>
      `environment: production\nsystems: [{ name: payroll, attributes: {}, evidence: [{ key: k, sha256: ${sha('b')}, ${more} }] }]`
    expect(await changes(text('type: t, collected_at: 2026-01-01'), '--prune')).toEqual([
      change('payroll', 'changed', { unchanged: 1 }),
    ])
    expect(await changes(text('type: u, collected_at: 2026-01-01'))).toMatchObject([{ changed: 1 }])
    const { rows } = await client.query('SELECT evidence_type FROM evidence ORDER BY id')
    expect(rows).toEqual([{ evidence_type: 'u' }, { evidence_type: 't' }])
  })

  test('two at once: one waits, nothing is stored twice', async () => {
    const results = await Promise.all([changes(INVENTORY), changes(INVENTORY), changes(INVENTORY)])
    const states = results.map(([first]) => first?.['state'])
    expect(states.filter((state) => state === 'added')).toHaveLength(1)
    expect((await client.query('SELECT FROM evidence')).rowCount).toBe(2)
  })

  test('a statement serves hundreds of systems', async () => {
    const systems = Array.from({ length: 1_200 }, (_, index) => ({
      name: `s${index}`,
      evidence: Array.from({ length: 10 }, (_, row) => ({
        type: 'audit-log',
        key: `k${row}`,
        sha256: `${index}g${row}`.replaceAll('g', 'f').padStart(64, '0'),
        collected_at: '2026-01-01',
      })),
    }))
    const file = join(folder.path, 'inventory.yaml')
    const inventory = await parseInventory(JSON.stringify({ environment: 'production', systems }), file)
    const query = vi.spyOn(client, 'query')
    try {
      expect((await applyInventory(client, inventory)).every(({ added }) => added === 10)).toBe(true)
      // BEGIN, lock, systems read and inserted, COMMIT; evidence read and inserted for 500, 500 and 200 systems.
      expect(query).toHaveBeenCalledTimes(5 + 3 * 2)
      query.mockClear()
      expect((await applyInventory(client, inventory)).every(({ unchanged }) => unchanged === 10)).toBe(true)
      expect(query).toHaveBeenCalledTimes(4 + 3)
    } finally {
      query.mockRestore()
    }
  })
})

describe('the database', () => {
  test('must be migrated', async () => {
    const empty = await createDatabase('empty')
    const { code, err } = await apply(INVENTORY, '--database-url', empty.url)
    expect([code, err]).toEqual([2, expect.stringContaining('run "rapidrmf db migrate" first')])
  })

  test('that refuses the login is named without its password', async () => {
    const url = database.url.replace(/\/\/.*@/, '//postgres:canary@')
    const { code, err } = await apply(INVENTORY, '--database-url', url)
    expect([code, err]).toEqual([2, expect.stringMatching(/^database postgres@.*check user and password/)])
    expect(err).not.toContain('canary')
  })

  test('comes from the environment that the file names; an unknown one is refused', async () => {
    folder.write(
      'good.yaml',
      `environments:\n  production: { database_url: "${database.url}" }\n  staging: { database_url: "postgresql://nowhere/x" }\n`,
    )
    folder.write('inventory.yaml', INVENTORY)
    const run = (...flags: string[]): Promise<Ran> =>
      runCommand(inventoryCommand, ['apply', 'inventory.yaml', '--config', 'good.yaml', ...flags], {
        cwd: folder.path,
      })
    expect(await run()).toMatchObject({ code: 0, out: expect.stringContaining('2 added') })

    folder.write('inventory.yaml', INVENTORY.replace('environment: production', 'environment: prodction'))
    expect(await run()).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /inventory\.yaml:4:5: .*"prodction" is not in .*good\.yaml; did you mean "production"\?$/,
      ),
    })

    folder.write('inventory.yaml', `${INVENTORY}    environment: staging\n`)
    expect(await run()).toMatchObject({
      code: 2,
      err: expect.stringContaining(':10:5: systems.1.name: "staging" has another database than "production"'),
    })
  })
})
