import type { Output } from '../common/output.ts'
import { printable } from '../common/printable.ts'
import type { Surroundings } from '../common/program.ts'
import { redactSecrets } from '../common/logging/redact.ts'

export type { Output } from '../common/output.ts'

/** All that a command may know of the process it runs in. Only main.ts touches `process`. */
export type Io = Surroundings

/** The result of a command's handler: a function of the process's environment that resolves to the exit code. */
export type Action = {
  (io: Io): Promise<number>
  /** True if the exit code is that of a run, which lost output cannot change. */
  readonly isRun?: true
}

/** Marks an action as one whose exit code is that of a run. */
export function runAction(action: (io: Io) => Promise<number>): Action {
  return Object.assign(action, { isRun: true } as const)
}

/**
 * Writes and waits for the reader, so that a slow pipe never makes the process hold the whole output. Text that cannot
 * be written is dropped; what that does to the exit code is decided when the command has ended.
 */
export async function write(output: Output, text: string): Promise<void> {
  output.write(text)
  await output.drained()
}

/**
 * Writes one line of text for people. Whatever it quotes, such as a message of the database, cannot show a secret, begin
 * a line of its own or control the terminal.
 */
export async function say(output: Output, text: string): Promise<void> {
  await write(output, `${printable(redactSecrets(text))}\n`)
}

/** Writes one JSON document to stdout, never wrapped or truncated. */
export async function writeJson(output: Output, value: unknown): Promise<void> {
  await write(output, `${JSON.stringify(value, null, 2)}\n`)
}
