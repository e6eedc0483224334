// Runs the cluster's programs as child processes: each has a log, is ended by its pid, and never outlives this process.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

export type ClusterProcess = {
  readonly name: string
  readonly pid: number
  running(): boolean
  signal(signal: NodeJS.Signals): void
  /** Resolves at the end of the process. */
  readonly ended: Promise<void>
  /** The tail of its output, for error messages. */
  logTail(): string
}

export type Watchdog = {
  watch(process: Pick<ClusterProcess, 'pid' | 'ended'>): void
  /** Ends the watchdog after the last process; the directory is removed as well. */
  dismiss(): Promise<void>
}

export function startProcess(
  file: string,
  args: readonly string[],
  name: string,
  log: string,
): ClusterProcess {
  const output = openSync(log, 'a')
  // Its own process group: the terminal's Ctrl-C must not reach it before an orderly stop does.
  const child = spawn(file, args, { stdio: ['ignore', output, output], detached: true })
  closeSync(output)
  const { pid } = child
  // The error is an event; without a listener it would end this process.
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

/** Reads `add PID` and `drop PID`. At the end of its input it kills the remaining processes and removes the directory. */
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
 * Starts a watchdog. Node cannot end a child together with its parent, but the pipe between them ends even after SIGKILL.
 */
export function startWatchdog(directory: string): Watchdog {
  const child = spawn('sh', ['-c', WATCHDOG, 'watchdog', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // A write after its end can only come from a stop in progress.
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
