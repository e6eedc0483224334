// Debian's packages, for what the tests below need of the system: installed by apt-get where the process is root.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Files that must be there, by the package that brings them. */
export type Needs = Readonly<Record<string, string>>

/** Undefined when all of it is there (now); else why it is not, and what to do. */
export function installPackages(needs: Needs): string | undefined {
  const lacking = absent(needs)
  if (process.getuid?.() !== 0) return `needs root (and Debian's packages ${Object.keys(needs).join(' ')})`
  if (lacking.length === 0) return undefined
  process.stderr.write(`installing ${lacking.join(' ')} …\n`)
  // Of the lists that the machine has first; on a new one there are none.
  if (!install(lacking)) {
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
    install(lacking)
  }
  const left = absent(needs)
  return left.length === 0 ? undefined : `needs what "apt-get install ${left.join(' ')}" brings`
}

function install(packages: readonly string[]): boolean {
  const { status } = spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: 'ignore',
  })
  return status === 0
}

function absent(needs: Needs): string[] {
  return Object.keys(needs).filter((name) => !existsSync(needs[name] ?? ''))
}
