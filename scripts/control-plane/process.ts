// The cluster's programs as processes of our own: each with a log, ended by its own pid, and never left behind.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

export type ClusterProcess = {
  readonly name: string
  readonly pid: number
  running(): boolean
  signal(signal: NodeJS.Signals): void
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  /** The tail of its output, for error messages. */
  logTail(): string
}

export type Watchdog = {
  watch(process: Pick<ClusterProcess, 'pid' | 'ended'>): void
  /** Ends the watchdog when no process is left; the directory is removed all the same. */
  dismiss(): Promise<void>
}

export function startProcess(
  file: string,
  args: readonly string[],
  name: string,
  log: string,
): ClusterProcess {
  const output = openSync(log, 'a')
  // A group of its own: the terminal's Ctrl-C must not reach it before an orderly stop does.
  const child = spawn(file, args, { stdio: ['ignore', output, output], detached: true })
  closeSync(output)
  const { pid } = child
  // The reason comes as an event; without a listener it would end the whole run.
  child.on('error', () => {})
  if (pid === undefined) throw new Error(`${file} cannot be started`)
  let running = true
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running = false
      resolve()
    })
  })
  return {
    name,
    pid,
    running: () => running,
    signal: (signal) => void child.kill(signal),
    ended,
    logTail: () => readFileSync(log, 'utf8').split('\n').slice(-20).join('\n'),
  }
}

/** Reads `add PID` and `drop PID`; at the end of its input kills what is left and removes the directory. */
const WATCHDOG = `
while read -r word pid; do
  case $word in
    add) pids="$pids $pid" ;;
    drop) left=; for each in $pids; do [ "$each" = "$pid" ] || left="$left $each"; done; pids=$left ;;
  esac
done
[ -z "$pids" ] || kill -KILL $pids
exec rm -rf -- "$1"
`

/**
 * Starts a watchdog: Node cannot tie a child's life to its parent's, but the end of a pipe shows it, even after
 * SIGKILL.
 */
export function startWatchdog(directory: string): Watchdog {
  const child = spawn('sh', ['-c', WATCHDOG, 'watchdog', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // A write after its end can only come from a stop that is under way.
  child.stdin.on('error', () => {})
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve()).once('exit', () => resolve())
  })
  return {
    watch: (process) => {
      child.stdin.write(`add ${process.pid}\n`)
      void process.ended.then(() => child.stdin.write(`drop ${process.pid}\n`))
    },
    dismiss: async () => {
      child.stdin.end()
      await ended
    },
  }
}
