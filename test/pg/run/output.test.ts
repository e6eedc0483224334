import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeRunSummary } from '../../../crds/run-summary.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase } from '../../support/database.ts'
import { startCli } from '../../support/process.ts'
import { createFolder } from '../../support/run-command.ts'
import { expectExactlyOnce } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 60
await seedWorld(client, { systems: SYSTEMS, controls: ['AC-2', 'AU-2'] })
// One that cannot be stored: its warning comes in the middle of the run, at the default level.
await client.query(
  `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
   CREATE TRIGGER refuse BEFORE INSERT ON validation_results FOR EACH ROW
   WHEN (new.system_id = 30) EXECUTE FUNCTION refuse()`,
)
const folder = createFolder()
folder.write('config.yaml', 'environments: { production: }\n')
const env = { DATABASE_URL: url, RAPIDRMF_CONCURRENCY: '1' }

let keys = 0
/** `scheduler once` with the shell's redirection or pipe after it. */
async function once(args: readonly string[], pipeTo: string) {
  const key = `output-${(keys += 1)}`
  const argv = ['scheduler', 'once', '--run-key', key, ...args]
  return { key, ...(await runCli(argv, { cwd: folder.path, env, pipeTo })) }
}

async function expectClosed(key: string): Promise<void> {
  await expectExactlyOnce(client, key, (SYSTEMS - 1) * 2)
}

const TEXT = [] as const
const JSON_LINES = ['--log-format', 'json'] as const
const DEBUG = ['--log-format', 'json', '--log-level', 'debug'] as const

describe.each([
  ['| true', JSON_LINES],
  ['| true', TEXT],
  ['| true', ['--json']],
  ['| head -1', DEBUG],
  ['>/dev/full', JSON_LINES],
  ['>/dev/full', TEXT],
  ['>/dev/full', ['--json']],
  ['2>/dev/full', DEBUG],
  ['2>/dev/full', TEXT],
  ['>/dev/full 2>&1', DEBUG],
  ['>&- 2>&-', TEXT],
  ['2>&1 | true', ['--log-level', 'debug']],
] as const)('scheduler once %s (%s)', (pipeTo, args) => {
  it('closes its run and ends with its exit code', async () => {
    const { key, code } = await once(args, pipeTo)
    expect(code).toBe(0)
    await expectClosed(key)
  })
})

describe('scheduler once with a broken stdout', () => {
  it('warns on stderr', async () => {
    const { stderr } = await once(JSON_LINES, '>/dev/full')
    expect(stderr).toBe(
      'rapidrmf: warning: part of the output on stdout is lost: ENOSPC: no space left on device, write\n',
    )
    expect((await once(JSON_LINES, '| true')).stderr).toMatch(
      /part of the output on stdout is lost: write EPIPE/,
    )
  })

  it('keeps the other exit codes', async () => {
    expect((await once(['--fail-on', 'findings'], '| true')).code).toBe(3)
    expect((await once(['--env', 'prodution'], '>/dev/full')).code).toBe(2)
  })
})

describe('the summary file', () => {
  it('that cannot be written at the end is a warning, and the run counts', async () => {
    const { key, code, stdout, stderr } = await once(['--summary-file', '/dev/full'], '')
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^Run \d+: Incomplete/) })
    expect(stderr).toMatch(/warning: the summary could not be written: ENOSPC/)
    await expectClosed(key)
  })

  it('whose folder vanishes meanwhile is one as well, as a log line', async () => {
    const vanishing = join(folder.path, 'vanishing')
    mkdirSync(vanishing)
    const args = ['--summary-file', join(vanishing, 'summary.json'), '--run-key', 'vanishing']
    const child = startCli(['scheduler', 'once', ...args, ...DEBUG], { cwd: folder.path, env })
    await child.said(/run opened/)
    rmSync(vanishing, { recursive: true })
    const { code, stdout } = await child.ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/"level":"warn".*the summary could not be written: ENOENT/)
    await expectClosed('vanishing')
  })

  it('is refused before the run if it is a named pipe that nobody reads', async () => {
    execFileSync('mkfifo', [join(folder.path, 'fifo')])
    const { code, stderr } = await once(['--summary-file', 'fifo'], '')
    expect(code).toBe(2)
    expect(stderr).toMatch(/fifo: cannot write the summary: ENXIO/)
  })

  it('is written where the output is lost', async () => {
    const { code } = await once(['--summary-file', 'summary.json'], '>/dev/full 2>&1')
    expect(code).toBe(0)
    const summary = decodeRunSummary(readFileSync(join(folder.path, 'summary.json'), 'utf8'))
    expect(summary).toMatchObject({ status: 'success', verdict: 'Incomplete' })
  })
})

describe('a command that prints what it was asked for', () => {
  const COMMANDS = [
    ['results', '--json'],
    ['results', '--csv'],
    ['results'],
    ['runs', 'list'],
    ['rules', 'list'],
    ['schedules', 'preview', '0 2 * * *'],
    ['db', 'status'],
    ['--help'],
  ]

  it.each(COMMANDS)('ends well and quietly when its reader has gone: %s %s', async (...argv) => {
    const outcome = await runCli(argv, { cwd: folder.path, env, pipeTo: '| true' })
    expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it.each(COMMANDS)('fails and says why on a full disk: %s %s', async (...argv) => {
    const { code, stderr } = await runCli(argv, { cwd: folder.path, env, pipeTo: '>/dev/full' })
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'rapidrmf: the output could not be written: ENOSPC: no space left on device, write\n',
    })
  })

  it('keeps its exit code when its reader has gone', async () => {
    folder.write('bad.yaml', 'name: bad\ncontrols: { AC-2: { requird_all: [] } }\n')
    const lint = await runCli(['rules', 'lint', 'bad.yaml', '--json'], { cwd: folder.path, pipeTo: '| true' })
    expect(lint.code).toBe(2)
  })
})
