// Installs the dependencies when they are missing or older than the lockfile, so that the README's commands work
// on a fresh clone. Plain JavaScript without imports of ours: it also runs on the machine's own, older Node.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')
const lockfile = join(root, 'package-lock.json')
// npm writes this file at the end of every install: its age is the age of node_modules.
const installed = join(root, 'node_modules', '.package-lock.json')

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lockfile).mtimeMs) {
  process.stderr.write('Installing dependencies (npm ci) …\n')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (npm.status !== 0) {
    process.stderr.write('npm ci failed: see its messages above.\n')
    process.exit(1)
  }
}
