import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
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
  }, 120_000)
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

/** npm as a person runs it: what the npm that runs this test says of its own project is left out. */
const npmEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_(local_)?prefix)/.test(name),
  ),
)
const npm = async (cwd: string, ...args: string[]) =>
  (await run('npm', args, { cwd, env: npmEnvironment })).stdout

describe('the package', () => {
  const project = join(elsewhere, 'project')

  it('is not the repository', async () => {
    await expect(npm(ROOT, 'pack', '--dry-run')).rejects.toThrow(/npm run pack makes that one, from dist/)
  })

  it('is installed into an empty project, and brings what the library needs and nothing else', async () => {
    mkdirSync(project)
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ name: 'host', type: 'module', scripts: { node: 'command -v node' } }),
    )
    const [packed] = JSON.parse(await npm(project, 'pack', built, '--json')) as [{ filename: string }]
    const nodeBefore = await npm(project, 'run', '--silent', 'node')
    await npm(project, 'install', '--prefer-offline', '--no-audit', '--no-fund', `./${packed.filename}`)
    const lockfile = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>
    }
    const packages = Object.keys(lockfile.packages)
    expect(packages).toContain('node_modules/rapidrmf-scheduled-validation')
    expect(packages).toContain('node_modules/pg')
    const unwanted =
      /node-linux|@kubernetes|prom-client|@opentelemetry|undici$|pino|cmd-ts|esbuild|typescript/
    expect(packages.filter((name) => unwanted.test(name))).toEqual([])
    expect(await npm(project, 'run', '--silent', 'node')).toBe(nodeBefore)
    expect(existsSync(join(project, 'node_modules/.bin/node'))).toBe(false)
    expect(readdirSync(join(project, 'node_modules/rapidrmf-scheduled-validation')).sort()).toEqual([
      'LICENSE',
      'README.md',
      'assets',
      'index.mjs',
      'migrations',
      'package.json',
      'rapidrmf.cjs',
      'schemas',
      'types',
    ])
  }, 120_000)

  it('runs a validation inside of the host', async () => {
    const { client, url } = await createDatabase()
    await seedWorld(client, { systems: 2 })
    cpSync(join(ROOT, 'examples'), join(project, 'examples'), { recursive: true })
    const env = { ...process.env, DATABASE_URL: url }
    const { stdout } = await run(process.execPath, ['examples/embed.mjs'], { cwd: project, env })
    expect(stdout).toBe('run 1: success, Findings, 2014 results\n1 Findings\n')
  })

  it('has the command line', async () => {
    const { stdout } = await run(process.execPath, ['node_modules/.bin/rapidrmf', '--version'], {
      cwd: project,
    })
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('has all of the types that its own need', async () => {
    writeFileSync(
      join(project, 'host.ts'),
      `import { connect, getRecentJobRuns, runValidationJob } from 'rapidrmf-scheduled-validation'
       export const client = await connect({ url: 'postgresql://host/db' })
       export const [run] = await getRecentJobRuns(client)
       export const rows: number | null = (await client.query('SELECT 1')).rowCount
       // @ts-expect-error: it is a number
       export const id: string = (await runValidationJob({ concurrency: 2 })).jobId`,
    )
    const flags = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'esnext', '--module', 'nodenext']
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
    const { stdout } = await run(tsc, [...flags, '--types', 'node', 'host.ts'], { cwd: project }).catch(
      (error: unknown) => error as { stdout: string },
    )
    expect(stdout).toBe('')
  })

  it.each(['20.20.2', '18.0.0'])('says at once that Node %s is too old', async (version) => {
    const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
    const flags = ['--import', `data:text/javascript,${encodeURIComponent(old)}`]
    const importing = ['--input-type=module', '--eval', `import 'rapidrmf-scheduled-validation'`]
    await expect(run(process.execPath, [...flags, ...importing], { cwd: project })).rejects.toThrow(
      `rapidrmf-scheduled-validation needs Node 22 or newer; this is ${version}`,
    )
    const cli = run(process.execPath, [...flags, 'node_modules/.bin/rapidrmf', '--version'], { cwd: project })
    await expect(cli).rejects.toMatchObject({
      code: 2,
      stderr: `rapidrmf: needs Node 22 or newer; this is ${version}\n`,
    })
  })
})
