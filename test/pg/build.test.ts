import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listRules } from '../../job-image/rules/list.ts'
import { loadRuleSet } from '../../job-image/rules/load.ts'
import { createDatabase } from '../support/database.ts'
import { startOtlpReceiver } from '../support/otlp-receiver.ts'
import { seedWorld } from '../support/world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

// Inside the repository, so that the library finds its packages; beside dist/, which somebody may be using.
mkdirSync(join(ROOT, '.cache'), { recursive: true })
const built = mkdtempSync(join(ROOT, '.cache', 'build-'))
const elsewhere = mkdtempSync(join(tmpdir(), 'rapidrmf-'))
afterAll(() => {
  for (const folder of [built, elsewhere]) rmSync(folder, { recursive: true, force: true })
})

const build = (outdir: string) =>
  run(process.execPath, ['scripts/build.ts', '--outdir', outdir], { cwd: ROOT })

async function rapidrmf(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: elsewhere, env: { ...process.env, ...env } }
  return (await run(process.execPath, [join(built, 'rapidrmf.cjs'), ...args], options)).stdout
}

beforeAll(() => build(built))

describe('the bundle, in another working directory', () => {
  it('knows its version', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    expect(await rapidrmf(['--version'])).toBe(`${version}\n`)
  })

  it('finds its rules', async () => {
    const { rules } = JSON.parse(await rapidrmf(['rules', 'list', '--json'])) as { rules: unknown[] }
    expect(rules).toEqual(listRules(loadRuleSet()))
  })

  it('migrates a database and runs a validation in it, traced', async () => {
    const { client, url } = await createDatabase('empty')
    writeFileSync(join(elsewhere, 'config.yaml'), 'environments: {production: }\n')
    const env = { DATABASE_URL: url }
    const { applied } = JSON.parse(await rapidrmf(['db', 'migrate', '--json'], env)) as { applied: string[] }
    expect(applied[0]).toBe('0001_shared-tables')
    await seedWorld(client, { systems: 2 })
    const receiver = await startOtlpReceiver()
    const traced = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }
    expect(JSON.parse(await rapidrmf(['scheduler', 'once', '--json'], traced))).toMatchObject({
      status: 'success',
      counts: { systems: 2, controls: 1007, results: 2014 },
    })
    expect(receiver.spans.map(({ name }) => name)).toContain('COPY validation_results')
  })

  it('is the same whenever it is built', async () => {
    const again = join(elsewhere, 'again')
    await build(again)
    const program = readFileSync(join(again, 'rapidrmf.cjs'))
    expect(program.equals(readFileSync(join(built, 'rapidrmf.cjs')))).toBe(true)
    expect(program.includes(ROOT)).toBe(false)
  })
})

describe('the library', () => {
  it('is imported as an ES module', async () => {
    const library = (await import(join(built, 'index.mjs'))) as Record<string, unknown>
    expect(library['parseDatabaseUrl']).toBeTypeOf('function')
  })

  it('has types that another program can check against', async () => {
    const program = join(built, 'consumer.ts')
    writeFileSync(
      program,
      `import { parseDatabaseUrl } from './types/job-image/index.js'
       export const url: string = parseDatabaseUrl('postgresql://host/db', 'here')
       // @ts-expect-error: it is a string
       export const wrong: number = url.length === 0 ? url : parseDatabaseUrl(url, 'here')`,
    )
    const flags = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext']
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
    await expect(run(tsc, [...flags, program], { cwd: built })).resolves.toMatchObject({ stdout: '' })
  })
})
