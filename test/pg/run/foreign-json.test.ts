import type { Client } from 'pg'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { pruneResults } from '../../../job-image/db/prune/prune.ts'
import { addValidationResults } from '../../../job-image/db/results/results.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import { createDatabase } from '../../support/database.ts'
import { addForeignResult, clearHistory } from '../../support/history.ts'
import { runRequest } from '../../support/request.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import type { Ran } from '../../support/run-command.ts'
import { webhookSink } from '../../support/sinks.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const folder = createFolder()
folder.write('config.yaml', `environments:\n  production: { database_url: "${url}" }\n`)

/** What the type `json` stores, and functions of PostgreSQL or of JavaScript do not read. */
const DEEP = '['.repeat(4_500) + ']'.repeat(4_500)
const NASTY = [
  ['NUL', String.raw`"a\u0000b"`],
  ['half of a surrogate pair', String.raw`"caf\udce9"`],
  ['4,500 levels', DEEP],
] as const

const cli = (...argv: readonly string[]): Promise<Ran> => runArgv(argv, { cwd: folder.path })

async function succeed(...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await cli(...argv)
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' })
  return out
}

type Summary = { run_id: number; verdict: string; counts: Record<string, number>; carried?: number }

const once = async (...argv: readonly string[]): Promise<Summary> =>
  JSON.parse(await succeed('scheduler', 'once', '--json', ...argv)) as Summary

async function valueOf<T>(of: Client, sql: string, values: readonly unknown[] = []): Promise<T> {
  const { rows } = await of.query<{ value: T }>(sql, [...values])
  return rows[0]!.value
}

const SYSTEMS = 3
/** Active ones of NIST SP 800-53 rev5. */
const CONTROLS = 1007
let systems: number[]
let ac2: number

beforeAll(async () => {
  await succeed('catalog', 'import', '--builtin', 'nist-800-53-rev5')
  systems = await seedWorld(client, { systems: SYSTEMS })
  ac2 = await valueOf(client, `SELECT id AS value FROM controls WHERE control_id = 'AC-2'`)
})

beforeEach(async () => {
  await clearHistory(client)
  await client.query(`UPDATE controls SET attributes = '{}' WHERE id = $1`, [ac2])
  await client.query('DELETE FROM control_requirements')
})

const setAttributes = (json: string): Promise<unknown> =>
  client.query('UPDATE controls SET attributes = $2 WHERE id = $1', [ac2, json])

describe.each(NASTY)('controls.attributes with %s', (_, value) => {
  it('keeps no command from its work, and all controls are decided', async () => {
    await setAttributes(`{"note": ${value}}`)
    const all = { controls: CONTROLS, results: SYSTEMS * CONTROLS, errors: 0 }
    expect((await once()).counts).toMatchObject(all)
    expect(await once('--incremental')).toMatchObject({ carried: SYSTEMS, counts: all })
    expect(JSON.parse(await succeed('catalog', 'list', '--json'))).toMatchObject({
      catalogs: [{ controls: 1189, active: CONTROLS, withdrawn: 182, removed: 0 }],
    })
    expect(await succeed('catalog', 'import', '--builtin', 'nist-800-53-rev5')).toMatch(
      /nist-800-53-rev5 .* 1189 │\n/,
    )
    expect((await once()).counts).toMatchObject(all)
  })

  it('does not hide the marks', async () => {
    await setAttributes(String.raw`{"note": ${value}, "\u0077ithdrawn": true}`)
    expect((await once()).counts).toMatchObject({ controls: CONTROLS - 1, errors: 0 })
    await setAttributes(`{"removed": true, "note": ${value}}`)
    expect((await once()).counts).toMatchObject({ controls: CONTROLS - 1, errors: 0 })
  })

  it('stays the very text it is when an import changes a mark', async () => {
    await setAttributes(`{"removed": true, "note":${value}, "n": 1.50}`)
    await succeed('catalog', 'import', '--builtin', 'nist-800-53-rev5')
    const text = 'SELECT attributes::text AS value FROM controls WHERE id = $1'
    expect(await valueOf(client, text, [ac2])).toBe(`{"note":${value}, "n": 1.50}`)
    expect((await once()).counts).toMatchObject({ controls: CONTROLS })
  })
})

describe.each(NASTY)('a requirement with %s', (name, value) => {
  it.each(['required_all', 'required_any'])(
    'in %s makes its control unknown, and no other',
    async (column) => {
      const other = column === 'required_all' ? 'required_any' : 'required_all'
      const row = await valueOf<number>(
        client,
        `INSERT INTO control_requirements (control_id, ${column}, ${other})
       VALUES ($1, $2, '["audit-log"]') RETURNING id AS value`,
        [ac2, `["audit-log", ${value}]`],
      )
      const { run_id: runId, verdict, counts } = await once()
      expect(verdict).toBe('Incomplete')
      expect(counts).toMatchObject({ errors: 1, results: SYSTEMS * CONTROLS })
      const { rows } = await client.query<{ status: string; message: string }>(
        'SELECT DISTINCT status::text, message FROM validation_results WHERE job_run_id = $1 AND control_id = $2',
        [runId, ac2],
      )
      expect(rows).toMatchObject([{ status: 'UNKNOWN' }])
      const what =
        name === '4,500 levels'
          ? 'holds a list'
          : `holds an evidence type with ${name === 'NUL' ? 'a NUL' : 'half'}`
      expect(rows[0]?.message).toContain(`control_requirements row ${row}: ${column} ${what}`)
      expect(await succeed('runs', 'show', String(runId))).toContain(`control_requirements row ${row}`)
    },
  )
})

describe.each(NASTY)('systems.attributes with %s', (_, value) => {
  it('are read for what they hold beside it', async () => {
    await client.query('UPDATE systems SET attributes = $2 WHERE id = $1', [
      systems[0],
      `{"note": ${value}, "tier": 1}`,
    ])
    const { counts } = await once('--system-label', 'tier=1')
    expect(counts).toMatchObject({ systems: 1, errors: 0 })
  })
})

describe.each(NASTY)("another program's rows with %s", (_, value) => {
  it('are shown among the others, in every form', async () => {
    await once('--control', 'AC-3')
    await addForeignResult(client, {
      systemId: systems[0]!,
      controlId: ac2,
      validatedAt: '2026-11-01 00:00:00',
    })
    const id = await valueOf<string>(
      client,
      `UPDATE validation_results SET evidence_keys = $1, attributes = $1 WHERE job_run_id IS NULL RETURNING id AS value`,
      [`[${value}, {"toString": 1}]`],
    )
    const rows = JSON.parse(await succeed('results', '--json')) as Record<string, unknown>[]
    expect(rows).toHaveLength(SYSTEMS + 1)
    const { evidence_keys: keys, attributes } = rows.find(({ control }) => control === 'AC-2')!
    if (value === DEEP) {
      const problem = `validation_results row ${id}, column evidence_keys: nested more than 100 levels deep`
      expect(keys).toEqual({ problem: expect.stringContaining(problem) as string })
      expect(attributes).toEqual({ problem: expect.stringContaining('column attributes') as string })
    } else expect(keys).toEqual([JSON.parse(value), { toString: 1 }])
    expect((await succeed('results', '--csv')).trim().split('\r\n')).toHaveLength(SYSTEMS + 2)
    expect(await succeed('results')).toContain(value === DEEP ? 'column evidence_keys' : 'toString')
  })

  it('of job_runs are listed and shown', async () => {
    const id = await valueOf<number>(
      client,
      `INSERT INTO job_runs (job_type, environment, status, started_at, metrics, attributes)
       VALUES ('other', 'production', 'success', '2026-11-01', $1, $2) RETURNING id AS value`,
      [`[${value}]`, `{"digests": {"x": ${value}}, "invalid_controls": [{"control": ${value}}]}`],
    )
    expect(JSON.parse(await succeed('runs', 'list', '--json'))).toMatchObject([{ id, job_type: 'other' }])
    expect(await succeed('runs', 'list')).toContain('production')
    expect(JSON.parse(await succeed('runs', 'show', String(id), '--json'))).toMatchObject({ id })
    expect(await succeed('runs', 'show', String(id))).toContain('Digest: x')
  })
})

describe.each(NASTY)('%s that another program adds to a run of ours', (_, value) => {
  it('keeps no later run from its end, its notice or prune', async () => {
    const sink = webhookSink('http://127.0.0.1:9/')
    const run = (): ReturnType<typeof executeRun> =>
      executeRun(runRequest(url, { notifications: [sink], selection: { controls: { include: ['AC-2'] } } }))
    const warnings: string[] = []
    const first = await run()
    await client.query(
      `UPDATE job_runs SET metrics = 'null', attributes = (trim(trailing '}' FROM attributes::text) || $2 || '}')::json WHERE id = $1`,
      [first.runId, `}, "note": ${value}`],
    )
    const second = await executeRun(
      runRequest(url, {
        notifications: [sink],
        selection: { controls: { include: ['AC-2'] } },
        observer: (event) => void (event.type === 'warning' && warnings.push(event.message)),
      }),
    )
    expect(second.status).toBe('success')
    expect(warnings.filter((each) => each.includes('notified'))).toEqual([])
    const previous = `SELECT payload #>> '{previous,runId}' AS value FROM notification_outbox WHERE job_run_id = $1`
    expect(await valueOf(client, previous, [second.runId])).toBe(String(first.runId))
    await client.query(`UPDATE job_runs SET finished_at = finished_at - interval '400 days' WHERE id = $1`, [
      first.runId,
    ])
    await pruneResults(client, { olderThan: '100 days' })
    const text = await valueOf<string>(
      client,
      'SELECT attributes::text AS value FROM job_runs WHERE id = $1',
      [first.runId],
    )
    expect(text).toContain(`"note": ${value}`)
    expect(text).toContain('"pruned_at": ')
  })
})

describe('a text that PostgreSQL cannot hold', () => {
  const decision = {
    status: 'pass',
    message: 'a\0b',
    evidenceKeys: [],
    remediation: null,
    attributes: {},
  } as const

  it('is refused before it is sent, and the session goes on', async () => {
    const results = [
      { systemId: systems[0]!, controlId: ac2, decision, jobRunId: null, validatedAt: '2026-11-01' },
    ]
    await expect(addValidationResults(client, results)).rejects.toThrow(/a NUL character.*"a\\u0000b"/)
    expect(await valueOf(client, 'SELECT count(*)::int AS value FROM validation_results')).toBe(0)
  })

  it('in a rule makes each system an error that says so', async () => {
    const ruleSet = structuredClone(loadRuleSet())
    const nist = ruleSet.frameworks.get('nist-800-53')!
    const evil = new Map([...nist.families].map(([key, rule]) => [key, { ...rule, remediation: '\0' }]))
    const frameworks = new Map([['nist-800-53', { ...nist, families: evil }]])
    const summary = await executeRun(runRequest(url, { ruleSet: { ...ruleSet, frameworks } }))
    expect(summary).toMatchObject({ status: 'failed', verdict: 'Errored', counts: { errors: SYSTEMS } })
    const errors = await valueOf(
      client,
      'SELECT array_agg(DISTINCT error) AS value FROM run_systems WHERE job_run_id = $1',
      [summary.runId],
    )
    expect(errors).toEqual([expect.stringContaining('a NUL character, which PostgreSQL cannot store')])
  })
})

describe('what a person wrote and no column can hold', () => {
  it('does not keep the failed run from being closed', async () => {
    const selection = { systems: { matchLabels: { 'a\0b': 'x' } } }
    await expect(executeRun(runRequest(url, { selection }))).rejects.toThrow(InputError)
    const runs = 'SELECT array_agg(status || error) AS value FROM job_runs'
    expect(await valueOf(client, runs)).toEqual([expect.stringMatching(/^failed.*a\uFFFDb In 0/)])
  })
})

describe('what PostgreSQL cannot read where a run is planned', () => {
  it('is an error that names the database and says what to do, and a retry is no use', async () => {
    await client.query(`
      ALTER TABLE controls RENAME TO controls_rows;
      CREATE VIEW controls AS SELECT id, catalog_id, control_id, title, family, remediation, attributes
                                FROM controls_rows WHERE 1 / (id - ${ac2}) < 2`)
    try {
      const { code, err } = await cli('scheduler', 'once')
      expect(code).toBe(2)
      expect(err).toMatch(
        /^rapidrmf: database .*: division by zero; a stored value cannot be read .*correct the row/m,
      )
    } finally {
      await client.query('DROP VIEW controls; ALTER TABLE controls_rows RENAME TO controls')
    }
  })
})
