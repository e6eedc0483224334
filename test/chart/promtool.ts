// promtool: of the machine, or from Debian's package, which is unpacked and not installed.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const CACHE = join(import.meta.dirname, '../../.cache')
const PACKAGE = 'prometheus'

export type Promtool = { readonly program: string } | { readonly missing: string }

/** The program's path; or `missing` says why there is none, and what to do. */
export function findPromtool(): Promtool {
  if (spawnSync('promtool', ['--version']).status === 0) return { program: 'promtool' }
  const folder = join(CACHE, PACKAGE)
  const program = join(folder, 'usr/bin/promtool')
  if (existsSync(program)) return { program }
  try {
    unpack(folder)
    return { program }
  } catch (error) {
    const why = (error as Error).message.trim().split('\n').at(-1) ?? ''
    return {
      missing: `needs promtool: install Debian's package ${PACKAGE}, or put promtool on the PATH (${why})`,
    }
  }
}

function unpack(folder: string): void {
  mkdirSync(CACHE, { recursive: true })
  const work = mkdtempSync(join(CACHE, '.promtool-'))
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { cwd: work, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  try {
    run('apt-get', 'download', PACKAGE)
    const [file = ''] = readdirSync(work).filter((name) => name.endsWith('.deb'))
    run('dpkg', '-x', file, 'root')
    // Only the one program: the package has a server that nobody starts.
    mkdirSync(join(folder, 'usr/bin'), { recursive: true })
    renameSync(join(work, 'root/usr/bin/promtool'), join(folder, 'usr/bin/promtool'))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
