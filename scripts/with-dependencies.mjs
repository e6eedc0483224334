// node scripts/with-dependencies.mjs COMMAND ARGS…: installs the dependencies when they are missing or older than the
// lockfile, then runs the command, so that the README's commands work on a fresh clone. It is plain JavaScript without
// local imports, because it also runs on an older Node of the machine. The command gets the pinned Node, which is first on
// npm's PATH (a shell would have cached the path of `node` from before the installation).
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
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

const [command, ...args] = process.argv.slice(2)
if (command !== undefined) {
  const child = spawn(command, args, { stdio: 'inherit' })
  // The terminal sends SIGINT to both processes; this one waits for the command to end.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', (error) => {
    process.stderr.write(`${command}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGTERM' ? 143 : 1)))
}
