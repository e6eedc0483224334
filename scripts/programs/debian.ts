// Debian's packages that the tests need: installed by apt-get if the process is root.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Required files, by the package that contains them. */
export type Needs = Readonly<Record<string, string>>

/** Installs missing packages. Returns undefined if all are present; otherwise why not, and what to do. */
export function installPackages(needs: Needs): string | undefined {
  const lacking = absent(needs)
  if (process.getuid?.() !== 0) return `needs root (and Debian's packages ${Object.keys(needs).join(' ')})`
  if (lacking.length === 0) return undefined
  process.stderr.write(`installing ${lacking.join(' ')} …\n`)
  // The first try uses the machine's package lists; a new machine has none.
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
