import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { runArgv } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const ROOT = join(import.meta.dirname, '../../..')

type Ended = { readonly code: number | null; readonly out: string; readonly err: string }

/** The script as `npm run quickstart` starts it. */
function quickstart(url: string, ...argv: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/quickstart.ts'), ...argv], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
}

/** Every table of the schema with its number of rows. */
async function contents(client: Client): Promise<unknown> {
  const { rows } = await client.query(
    `SELECT relname AS name, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I', relname), false, true, '')))[1]::text AS rows
       FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  )
  return rows
}

const inUse = await createDatabase()
await seedWorld(inUse.client, { systems: 4, controls: ['AC-1', 'AC-2', 'AU-2'] })

describe('npm run quickstart with DATABASE_URL', () => {
  it.each([
    [['--help'], 0, /--keep/],
    [['--kepp'], 2, /--kepp: unknown; did you mean "--keep"\?/],
    [['now'], 2, /now: unknown; known here: --keep, --yes/],
    [
      [],
      2,
      /quickstart: the database of DATABASE_URL holds 4 systems in "production"; nothing was written\. Add --yes .* environment "quickstart"/,
    ],
  ])('%j writes nothing into a database that holds systems', async (argv, expected, message) => {
    const before = await contents(inUse.client)
    const { code, out, err } = await quickstart(inUse.url, ...argv)
    expect(out + err).toMatch(message)
    expect(code).toBe(expected)
    expect(await contents(inUse.client)).toEqual(before)
  })

  it('refuses a database in which real systems have the names of samples', async () => {
    const { client, url } = await createDatabase()
    await client.query(
      `INSERT INTO systems (name, environment, created_at, attributes) VALUES ('payments-api', 'production', now(), '{}')`,
    )
    const { code, err } = await quickstart(url, '--yes')
    expect(err).toMatch(/systems by the names of samples: payments-api; use another database/)
    expect(code).toBe(2)
    expect((await client.query('SELECT FROM controls')).rowCount).toBe(0)
  })

  it(
    'keeps the samples apart with --yes, and they can be taken out again',
    { timeout: 120_000 },
    async () => {
      const { client, url } = inUse
      const others = async () => {
        const { rows } = await client.query(
          `SELECT (SELECT json_agg(s ORDER BY id) FROM systems s WHERE environment = 'production') AS systems,
                (SELECT json_agg(c ORDER BY id) FROM controls c) AS controls,
                (SELECT count(*)::int FROM evidence e JOIN systems s ON s.id = e.system_id WHERE environment = 'production') AS evidence`,
        )
        return rows
      }
      const before = await others()
      const { code, out, err } = await quickstart(url, '--yes')
      expect(err).not.toMatch(/rapidrmf:|quickstart:/)
      expect(code).toBe(0)
      expect(out).toMatch(/Run \d+: .*\(6 systems, 3 controls\)/)
      expect(out).toMatch(/^Run \d+: equal: 6 systems evaluated again, with the same answers$/m)
      expect(out).toMatch(/systems remove '\*' --env quickstart --results --yes/)
      expect(await others()).toEqual(before)
      const environments = await client.query(
        'SELECT environment, count(*)::int FROM systems GROUP BY 1 ORDER BY 1',
      )
      expect(environments.rows).toEqual([
        { environment: 'production', count: 4 },
        { environment: 'quickstart', count: 6 },
      ])

      // What it prints, given by hand.
      const argv = ['systems', 'remove', '*', '--env', 'quickstart', '--results', '--yes']
      const removed = await runArgv(argv, { cwd: import.meta.dirname, env: { DATABASE_URL: url } })
      expect(removed).toMatchObject({ code: 0, out: expect.stringMatching(/6 systems removed/) as string })
      expect(await others()).toEqual(before)
      const left = await client.query(
        `SELECT (SELECT count(*)::int FROM systems) AS systems, (SELECT count(*)::int FROM validation_results) AS results,
              (SELECT count(*)::int FROM job_runs WHERE environment = 'quickstart') AS runs`,
      )
      expect(left.rows).toEqual([{ systems: 4, results: 0, runs: 1 }])
    },
  )

  it('needs no flag on an empty database, nor where it has been before', { timeout: 120_000 }, async () => {
    const { client, url } = await createDatabase('empty')
    for (const run of [1, 2]) {
      const { code, out } = await quickstart(url)
      expect(code).toBe(0)
      expect(out).toMatch(new RegExp(`Run ${run}: .*\\(6 systems, 1007 controls\\)`))
      expect(out).toMatch(new RegExp(`^Run ${run}: equal: 6 systems evaluated again`, 'm'))
    }
    const { rows } = await client.query('SELECT DISTINCT environment FROM systems')
    expect(rows).toEqual([{ environment: 'quickstart' }])
  })
})
