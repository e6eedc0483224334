// Runs programs that mount, start containers and make network links in their own Linux namespaces. When the first process
// of the namespaces ends, the kernel ends all others and removes mounts, links and firewall rules. That process is a shell
// that reads its commands from this process, so that the clean-up happens even after SIGKILL.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { until } from '../control-plane/until.ts'

export type Sandbox = {
  /** A directory that is removed at the end. The programs see it, and the machine's files except /run, /var/lib and /var/log. */
  readonly directory: string
  /** The path of the sandbox's control group, from the root of each hierarchy. */
  readonly cgroup: string
  /** Resolves when no other process holds the lock. */
  opened(): Promise<void>
  /** Sends a line to the shell inside. Its end is not reported; its output is in the log `shell`. */
  run(line: string): void
  /** Starts a program in the background; its output is in the log of its name. */
  start(name: string, file: string, args: readonly string[]): void
  /** Sends SIGTERM and waits for the end within the shell: later lines run after that. */
  end(name: string): void
  /** The tail of a program's output. */
  logTail(name: string): string
  /** Ends all programs inside. */
  close(): Promise<void>
}

export type SandboxOptions = {
  /** True for a network namespace; by default the programs use the machine's network. */
  readonly network?: boolean
  /** A lock that only one sandbox at a time holds; the others wait for it. */
  readonly lock?: string
}

/** The script of the first process. $1: the directory, $2: the control group, the rest: the command that opens the namespaces. */
const AROUND = `
directory=$1 cgroup=$2
shift 2
# For a link between the machine's network and one inside.
exec 9</proc/self/ns/net
"$@"
for each in $(find /sys/fs/cgroup -maxdepth 2 -type d -name "$cgroup"); do find "$each" -depth -type d -exec rmdir {} +; done
exec rm -rf -- "$directory"
`

/** Mounts over the fixed directories of these programs, so that their contents are removed with the sandbox. */
const OWN_FOLDERS = 'for each in /run /var/lib /var/log; do mount -t tmpfs sandbox "$each"; done'

/** Makes the control group. Version 1 has a hierarchy per controller; in version 2 the parent enables the controllers. */
const MAKE_CGROUP = `
for each in /sys/fs/cgroup /sys/fs/cgroup/*; do
  if [ -f "$each/cgroup.procs" ] && [ -w "$each/cgroup.procs" ]; then mkdir -p "$each/$CGROUP"; fi
done
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  for each in /sys/fs/cgroup "/sys/fs/cgroup/$CGROUP"; do
    for controller in $(cat "$each/cgroup.controllers"); do echo "+$controller" > "$each/cgroup.subtree_control"; done
  done
fi
`

/** Returns undefined if this process may open a sandbox; otherwise why it may not, and what to do. */
export function sandboxRefusal(): string | undefined {
  const mount = ['sh', '-c', 'mount -t tmpfs sandbox /run']
  const { status } = spawnSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', '--net', ...mount])
  if (status === 0) return undefined
  return 'needs a root that may mount, and open namespaces (in a container: one that is started with --privileged)'
}

/** Opens a sandbox; requires root. */
export function openSandbox({ network = false, lock }: SandboxOptions = {}): Sandbox {
  const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-sandbox-'))
  const cgroup = basename(directory)
  const log = (name: string): string => join(directory, `${name}.log`)
  const spaces = ['--mount', '--pid', '--fork', '--mount-proc', ...(network ? ['--net'] : [])]
  const unshare = ['unshare', ...spaces, 'sh']
  const command = lock === undefined ? unshare : ['flock', lock, ...unshare]
  // Its own process group: the terminal's Ctrl-C must not reach it before an orderly stop does.
  const child = spawn('sh', ['-c', AROUND, 'sandbox', directory, cgroup, ...command], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, CGROUP: cgroup },
    detached: true,
  })
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve()).once('exit', () => resolve())
  })
  // A write after its end can only come from a stop in progress.
  child.stdin.on('error', () => {})
  const run = (line: string): void => void child.stdin.write(`${line}\n`)
  run(`exec >>${quote(log('shell'))} 2>&1`)
  run(OWN_FOLDERS)
  run(MAKE_CGROUP)
  return {
    directory,
    cgroup,
    opened: async () => {
      const options = { timeoutMs: 600_000, intervalMs: 50 }
      await until(`the lock ${lock}`, () => existsSync(log('shell')) || undefined, options)
    },
    run,
    start: (name, file, args) =>
      run(`${[file, ...args].map(quote).join(' ')} >>${quote(log(name))} 2>&1 & pid_${variable(name)}=$!`),
    end: (name) => run(`kill -TERM "$pid_${variable(name)}"; wait "$pid_${variable(name)}"`),
    logTail: (name) => {
      const file = log(name)
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-20).join('\n') : ''
    },
    close: async () => {
      child.stdin.end()
      await ended
    },
  }
}

/** Quotes an argument for the shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function variable(name: string): string {
  return name.replaceAll('-', '_')
}
