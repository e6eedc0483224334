import { runSafely } from 'cmd-ts'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll } from 'vitest'
import { openOutput } from '../../common/output.ts'
import type { Output } from '../../common/output.ts'
import { runCli } from '../../job-image/cli.ts'
import { asError, exitCodeOf } from '../../job-image/errors.ts'
import type { Action } from '../../job-image/io.ts'

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

/** Runs one command or group with the test's `Io`; errors are handled like in main.ts. */
export async function runCommand(
  group: Parameters<typeof runSafely>[0],
  argv: readonly string[],
  surroundings: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Ran> {
  const parsed = await runSafely(group, [...argv])
  if (parsed._tag === 'error') return { code: 2, out: '', err: parsed.error.config.message }
  const { value: action } = parsed.value as { readonly value: Action }
  const stdout = collectOutput()
  const stderr = collectOutput()
  const io = { env: {}, ...surroundings, stdout, stderr, signal: new AbortController().signal }
  try {
    return { code: await action(io), out: stdout.text, err: stderr.text }
  } catch (thrown) {
    return { code: exitCodeOf(thrown), out: stdout.text, err: stderr.text + asError(thrown).message }
  }
}

/** Runs a whole command line like main.ts, in the test's process. */
export async function runArgv(
  argv: readonly string[],
  surroundings: {
    readonly cwd: string
    readonly env?: Readonly<Record<string, string>>
    readonly signal?: AbortSignal
  },
): Promise<Ran> {
  const stdout = collectOutput()
  const stderr = collectOutput()
  const io = { env: {}, signal: new AbortController().signal, ...surroundings, stdout, stderr }
  const { code } = await runCli(argv, io)
  return { code, out: stdout.text, err: stderr.text }
}

/** An output that keeps its text. */
export function collectOutput(): Output & { readonly text: string } {
  const collector = new Collector()
  return Object.create(openOutput(collector), { text: { get: () => collector.text } }) as Output & {
    readonly text: string
  }
}

class Collector extends Writable {
  text = ''

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

/** Creates a folder for the test file; `write` returns the path of the file. */
export function createFolder(): {
  readonly path: string
  write(name: string, content: string | Buffer): string
} {
  const path = mkdtempSync(join(tmpdir(), 'rapidrmf-'))
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    write(name, content) {
      mkdirSync(dirname(join(path, name)), { recursive: true })
      writeFileSync(join(path, name), content)
      return name
    },
  }
}
