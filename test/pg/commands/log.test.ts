import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import type { Ran } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 25
await seedWorld(client, { systems: SYSTEMS, controls: ['AC-2', 'AU-2'] })
const folder = createFolder()
folder.write('config.yaml', 'environments: { production: }\n')

type Line = Record<string, unknown> & { readonly level: string; readonly msg: string }

/** Every line is JSON, or this throws. */
const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)

let keys = 0
/** As a pod of the operator's runs it, unless `env` says otherwise. */
async function inPod(argv: readonly string[] = [], env: Record<string, string> = {}): Promise<Ran> {
  const key = argv.includes('--run-key') ? [] : ['--run-key', `key-${(keys += 1)}`]
  return runArgv(['scheduler', 'once', ...key, '--schedule-uid', 'uid', '--schedule', 'nightly', ...argv], {
    cwd: folder.path,
    env: { JOB_NAME: 'nightly-x', DATABASE_URL: url, RAPIDRMF_OUTAGE: '0.2', ...env },
  })
}

describe('a run in a pod', () => {
  it('tells its start and its end, with all counts, as JSON lines on stdout', async () => {
    const { code, out, err } = await inPod()
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const lines = linesOf(out)
    const known = {
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      level: 'info',
      run_id: expect.any(Number) as number,
      run_key: `key-${keys}`,
      schedule: 'nightly',
      environment: 'production',
      worker: expect.stringMatching(new RegExp(`/${process.pid}/`)) as string,
      attempt: 1,
    }
    expect(lines).toEqual([
      { ...known, msg: 'run started', systems: SYSTEMS, pending: SYSTEMS, controls: 2 },
      {
        ...known,
        msg: expect.stringContaining('are not pass') as string,
        status: 'success',
        verdict: 'Findings',
        reason: 'ControlsNotPassed',
        counts: expect.objectContaining({ systems: SYSTEMS, controls: 2, results: 50, errors: 0 }) as object,
        seconds: expect.any(Number) as number,
      },
    ])
    const { rows } = await client.query('SELECT worker FROM job_run_attempts WHERE job_run_id = $1', [
      lines[0]?.['run_id'],
    ])
    expect(rows).toEqual([{ worker: lines[0]?.['worker'] }])
  })

  it('tells at its end what it was restricted to', async () => {
    const lines = linesOf((await inPod(['--control', 'AC-2'])).out)
    expect(lines.at(-1)).toMatchObject({
      scope: { digest: expect.any(String) as string, text: expect.stringContaining('AC-2') as string },
      counts: { controls: 1 },
    })
  })

  it('tells each batch at debug, with the same fields', async () => {
    const lines = linesOf((await inPod(['--log-level', 'debug'])).out)
    const batches = lines.filter(({ msg }) => msg === 'batch stored')
    expect(batches.map(({ systems }) => systems as number).reduce((sum, each) => sum + each)).toBe(SYSTEMS)
    expect(batches.length).toBeGreaterThan(1)
    for (const line of batches) {
      expect(line).toMatchObject({
        level: 'debug',
        run_key: `key-${keys}`,
        schedule: 'nightly',
        results: expect.any(Number) as number,
      })
      expect(line).toHaveProperty('run_id')
      expect(line).toHaveProperty('worker')
    }
  })

  it('reports once more what has succeeded before', async () => {
    const key = ['--run-key', 'again']
    await inPod(key)
    expect(linesOf((await inPod(key)).out)).toMatchObject([
      { run_key: 'again', run_id: expect.any(Number) as number, verdict: 'Findings' },
    ])
  })

  it('leaves stdout to the summary where --json asks for it', async () => {
    const { out, err } = await inPod(['--json'])
    expect(JSON.parse(out)).toMatchObject({ run_key: `key-${keys}`, verdict: 'Findings' })
    expect(linesOf(err).map(({ msg }) => msg)).toEqual(['run started', expect.stringMatching(/not pass/)])
  })

  it('tells what went wrong as a line, too, and what it waited for before', async () => {
    const env = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nowhere' }
    const { code, out, err } = await inPod([], env)
    expect({ code, err }).toEqual({ code: 1, err: '' })
    const lines = linesOf(out)
    expect(lines[0]).toMatchObject({ level: 'warn', msg: 'retrying after backoff', run_key: `key-${keys}` })
    expect(lines.at(-1)).toMatchObject({
      level: 'error',
      msg: 'run failed',
      error: expect.stringMatching(/cannot be reached/) as string,
    })
    expect(linesOf((await inPod(['--log-level=error'], env)).out)).toHaveLength(1)
  })
})

describe('level and format', () => {
  it('outside of pods: for people on stderr, the outcome on stdout; JSON where it is asked for', async () => {
    const person = await inPod([], { JOB_NAME: '' })
    expect(person.err).toMatch(/^started run \d+ \(attempt 1\)\n25 systems, 2 controls\n$/)
    expect(person.out).toMatch(/^Run \d+: Findings/)
    const asked = await inPod(['--log-format', 'json'], { JOB_NAME: '' })
    expect(linesOf(asked.out)).toHaveLength(2)
    expect((await inPod(['--log-format', 'text'])).err).toBe(
      person.err.replace(/\d+/, String(Number(/\d+/.exec(person.err)?.[0]) + 2)),
    )
  })

  it('for people: batches at debug, and at warn nothing of a run that goes well', async () => {
    const told = await inPod(['--log-level', 'debug', '--log-format', 'text'])
    expect(told.err.match(/^stored (10|5) systems, \d+ results$/gm)).toHaveLength(3)
    expect((await inPod(['--log-level', 'warn', '--log-format', 'text'])).err).toBe('')
  })

  it('come from LOG_LEVEL and LOG_FORMAT, below the flags; an empty variable is none', async () => {
    const env = { LOG_LEVEL: 'WARN', LOG_FORMAT: 'text' }
    expect(await inPod([], env)).toMatchObject({ code: 0, err: '' })
    expect((await inPod(['--log-level', 'info'], env)).err).toMatch(/^started run/)
    expect(linesOf((await inPod(['--log-format', 'json'], { ...env, LOG_LEVEL: '' })).out)).toHaveLength(2)
  })

  it('that do not exist are refused by name', async () => {
    expect(await inPod([], { LOG_LEVEL: 'loud' })).toMatchObject({
      code: 2,
      err: 'rapidrmf: LOG_LEVEL: expected debug, info, warn, error, found "loud"\n',
    })
    expect(await inPod(['--log-format', 'xml'])).toMatchObject({ code: 2 })
  })
})

describe('a secret', () => {
  const CANARY = 'canary-S3cret!'
  const canaryUrl = `postgresql://svc:${encodeURIComponent(CANARY)}@db.example/x`
  const text = `cannot reach postgresql://svc:${CANARY}@db.example/x (password=${CANARY})`

  async function storedText(): Promise<string> {
    const { rows } = await client.query<{ text: string }>(
      `SELECT coalesce(string_agg(r::text, ' '), '') AS text FROM job_runs r
       UNION ALL SELECT coalesce(string_agg(a::text, ' '), '') FROM job_run_attempts a
       UNION ALL SELECT coalesce(string_agg(s::text, ' '), '') FROM run_systems s`,
    )
    return rows.map((row) => row.text).join(' ')
  }

  /** In both formats, everything told, and the summary. */
  async function everything(
    argv: readonly string[],
    env: Record<string, string>,
    told: RegExp,
  ): Promise<void> {
    for (const format of ['json', 'text']) {
      const { out, err } = await inPod(
        ['--log-format', format, '--log-level', 'debug', '--summary-file', 'summary.json', ...argv],
        { SERVICE_PASSWORD: CANARY, ...env },
      )
      const summary = readFileSync(join(folder.path, 'summary.json'), 'utf8')
      expect(out + err).toMatch(told)
      for (const each of [out, err, summary, await storedText()]) {
        expect(each).not.toContain(CANARY)
        expect(each).not.toContain(encodeURIComponent(CANARY))
      }
    }
  }

  it('in a URL that cannot be connected to is told nowhere', async () => {
    await everything(
      [],
      { DATABASE_URL: canaryUrl.replace('db.example', '127.0.0.1:1') },
      /cannot be reached/,
    )
    await everything([], { DATABASE_URL: `postgresql://svc:${CANARY}/x#@h/d` }, /percent-encoded/)
  })

  it('in a variable of the configuration is told nowhere, whatever is wrong with the text around it', async () => {
    const at = 'environments: { production: { database_url: '
    folder.write('a.yaml', `${at}"postgresql://u:\${SERVICE_PASSWORD}/#@h/d" } }\n`)
    await everything(['--config', 'a.yaml'], { DATABASE_URL: '' }, /percent-encoded/)
    folder.write('b.yaml', `${at}"${canaryUrl}", pasword: "${CANARY}" } }\n`)
    await everything(['--config', 'b.yaml'], { DATABASE_URL: '' }, /pasword/)
    folder.write('c.yaml', `${at}{ "${CANARY}": } } }\n`)
    await everything(['--config', 'c.yaml'], { DATABASE_URL: '' }, /database_url/)
  })

  it('that the database quotes in an error or a notice is told nowhere', async () => {
    const quoting = (statement: string) =>
      client.query(
        `CREATE OR REPLACE FUNCTION quote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement}; RETURN NULL; END $$;
         CREATE OR REPLACE TRIGGER quote AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION quote()`,
      )
    try {
      await quoting(`RAISE NOTICE '${text}'; RAISE WARNING '${text}'`)
      await everything([], {}, /not pass/)
      // Of no class that is tried again or blamed on a row: the run breaks.
      await quoting(`RAISE '${text}' USING ERRCODE = '57014'`)
      await everything([], {}, /cannot reach postgresql:\/\/\*\*\*@db/)
      // A row's fault: each system is recorded with it.
      await quoting(`RAISE '${text}' USING ERRCODE = 'P0001'`)
      await everything([], {}, /cannot reach postgresql:\/\/\*\*\*@db/)
    } finally {
      await client.query('DROP FUNCTION quote CASCADE')
    }
  })
})
