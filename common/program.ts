import { EXIT } from './exit-codes.ts'
import { openOutput } from './output.ts'
import type { Output } from './output.ts'

/** The parts of the process that a program may use. Only the two `main.ts` touch `process`. */
export type Surroundings = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdout: Output
  readonly stderr: Output
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal
}

/** How a program ended. */
export type Ending = {
  readonly code: number
  /**
   * The meaning of stdout. `result`: the user's output, so losing it is a failure unless the reader closed the pipe.
   * `record`: a log of work whose outcome is in `code`, so losing it is only a warning.
   */
  readonly stdout: 'result' | 'record'
}

/** Kubernetes sends SIGKILL 30 s after SIGTERM; the process exits before that, whatever is still pending. */
const LONGEST_END_MS = 25_000

/** How long handles that are still open may delay the end, such as a name lookup or an unreachable collector. */
const LONGEST_LEFTOVER_MS = 500

/**
 * Runs `main` as the program of this process. The exit code means failure until `main` has ended: neither a broken
 * output stream nor an event loop that runs dry can make unfinished work look like success.
 * `name` begins each message that this function itself writes to stderr.
 */
export function runProgram(
  process: NodeJS.Process,
  name: string,
  main: (surroundings: Surroundings, argv: readonly string[]) => Promise<Ending>,
): void {
  const cwd = workingDirectory(process)
  if (cwd === undefined) {
    process.stderr.write(`${name}: the working directory does not exist any more; change to another one\n`)
    process.exitCode = EXIT.usage
    return
  }
  process.exitCode = EXIT.failed
  const stdout = openOutput(process.stdout)
  const stderr = openOutput(process.stderr)
  const stop = new AbortController()
  let ended: number | undefined
  const exitNow = (): void => process.exit(ended ?? EXIT.interrupted)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // The second signal asks for an immediate end: what is not committed vanishes with the connection.
      if (stop.signal.aborted) exitNow()
      stop.abort()
      setTimeout(exitNow, LONGEST_END_MS).unref()
    })
  }
  // Once: an asynchronous write restarts the event loop, which then runs dry again.
  process.once('beforeExit', () => {
    if (ended !== undefined) return
    stderr.write(`${name}: ended before its work was done: nothing is left that could complete it\n`)
  })
  const run = async (): Promise<void> => {
    const { env } = process
    const surroundings = { env, cwd, stdout, stderr, signal: stop.signal }
    const ending = await main(surroundings, process.argv.slice(2))
    ended = ending.code
    await stdout.drained()
    ended = codeAfterLoss(ending, name, { stdout, stderr })
    await stderr.drained()
    process.exitCode = ended
    setTimeout(exitNow, LONGEST_LEFTOVER_MS).unref()
  }
  void run()
}

/** Undefined: it was deleted while a process, mostly a shell, was in it. */
function workingDirectory(process: NodeJS.Process): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

function codeAfterLoss(
  ending: Ending,
  name: string,
  { stdout, stderr }: Pick<Surroundings, 'stdout' | 'stderr'>,
): number {
  const { loss } = stdout
  if (loss === undefined) return ending.code
  if (ending.stdout === 'record') {
    stderr.write(`${name}: warning: part of the output on stdout is lost: ${loss.reason}\n`)
    return ending.code
  }
  if (loss.readerGone) return ending.code
  stderr.write(`${name}: the output could not be written: ${loss.reason}\n`)
  return ending.code === EXIT.ok ? EXIT.failed : ending.code
}
