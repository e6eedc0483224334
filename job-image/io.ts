import type { Writable } from 'node:stream'

/** A stream of the process; a terminal says how wide it is (in columns). */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** All that a command may know of the process it runs in. Only main.ts touches `process`. */
export type Io = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdout: Output
  readonly stderr: Output
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal
}

/** What a command's handler returns: to be run with the process's surroundings; resolves to the exit code. */
export type Action = (io: Io) => Promise<number>

/** Writes and waits for the reader, so that a slow pipe never makes the process hold the whole output. */
export async function write(output: Output, text: string): Promise<void> {
  if (output.write(text)) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      output.off('drain', done).off('close', done)
      resolve()
    }
    output.on('drain', done).on('close', done)
  })
}

/** One JSON document on stdout: never wrapped or cut, whatever the terminal's width. */
export async function writeJson(output: Output, value: unknown): Promise<void> {
  await write(output, `${JSON.stringify(value, null, 2)}\n`)
}
