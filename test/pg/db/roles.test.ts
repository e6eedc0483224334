import { readFileSync } from 'node:fs'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { createDatabase } from '../../support/database.ts'
import { expectNoPassword } from '../../support/process.ts'
import { createFolder } from '../../support/run-command.ts'
import { expectExactlyOnce } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

const migrated = await createDatabase()
const empty = await createDatabase('empty')
const CONTROLS = ['AC-1', 'AC-2', 'AU-2']
await seedWorld(migrated.client, { systems: 4, controls: CONTROLS })

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')

/** The statements that docs/guide.md gives for a role that only runs validations. */
const GRANTS =
  readFileSync(new URL('../../../docs/guide.md', import.meta.url), 'utf8').match(/^GRANT .* TO job;$/gm) ?? []

/** A role with these grants and nothing else, for the time of `work`. */
async function withRole(
  client: Client,
  url: string,
  grants: readonly string[],
  work: (url: string) => Promise<void>,
): Promise<void> {
  const role = `job_${Math.random().toString(36).slice(2)}`
  const password = 'canary-Pa55w0rd'
  await client.query(
    `CREATE ROLE ${role} LOGIN PASSWORD '${password}'; REVOKE CREATE ON SCHEMA public FROM public`,
  )
  try {
    for (const grant of grants) await client.query(grant.replace(/ TO job;$/, ` TO ${role}`))
    await work(Object.assign(new URL(url), { username: role, password }).toString())
  } finally {
    await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
}

async function once(url: string, ...args: string[]) {
  const outcome = await runCli(['scheduler', 'once', ...args], {
    cwd: folder.path,
    env: { DATABASE_URL: url, RAPIDRMF_OUTAGE: '2' },
  })
  expectNoPassword(url, outcome.stdout, outcome.stderr)
  return outcome
}

describe('a role without the right to create tables', () => {
  it('runs, resumes and closes with the grants of the guide, with and without --migrate', async () => {
    expect(GRANTS.length).toBeGreaterThan(0)
    await withRole(migrated.client, migrated.url, GRANTS, async (url) => {
      for (const args of [
        ['--run-key', 'plain'],
        ['--run-key', 'migrating', '--migrate'],
      ]) {
        // Somebody died without a word before: his run is closed by this role.
        await migrated.client.query(
          `INSERT INTO job_runs (job_type, environment, status, started_at, run_key)
           VALUES ('validation', 'production', 'running', '2026-01-01', 'dead before ' || $1)`,
          [args[1]],
        )
        const { code, stderr } = await once(url, ...args)
        expect(stderr).not.toMatch(/warning|permission/)
        expect(code).toBe(0)
        await expectExactlyOnce(migrated.client, args[1] ?? '', 4 * CONTROLS.length)
      }
      const { rows } = await migrated.client.query(
        `SELECT DISTINCT status FROM job_runs WHERE run_key LIKE 'dead before %'`,
      )
      expect(rows).toEqual([{ status: 'failed' }])
    })
  })

  it.each(GRANTS.map((grant, index) => [index, grant] as const))('needs grant %i: %s', async (index) => {
    const fewer = GRANTS.filter((_, other) => other !== index)
    await withRole(migrated.client, migrated.url, fewer, async (url) => {
      const { code, stderr } = await once(url)
      expect(stderr).toMatch(/permission denied .*grant the missing privilege/)
      expect(code).toBe(2)
    })
  })

  it('says what to do where nothing is migrated', async () => {
    await withRole(empty.client, empty.url, [], async (url) => {
      const plain = await once(url)
      expect(plain.code).toBe(2)
      expect(plain.stderr).toMatch(/not migrated .*rapidrmf db migrate/)
      const migrating = await once(url, '--migrate')
      expect(migrating.code).toBe(2)
      expect(migrating.stderr).toMatch(
        /role "job_\w+" may not create tables in schema "public".*as the owner of the database/,
      )
    })
  })
})
