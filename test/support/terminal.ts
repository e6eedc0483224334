import { Writable } from 'node:stream'
import { openOutput } from '../../common/output.ts'
import { runCli } from '../../job-image/cli.ts'

/** Runs a command line with a terminal of this number of columns; resolves to the lines on it. */
export async function onTerminal(
  columns: number,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string[]> {
  let text = ''
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    text += chunk.toString()
    done()
  }
  const terminal = openOutput(Object.assign(new Writable({ write }), { isTTY: true, columns }))
  const signal = new AbortController().signal
  await runCli(argv, { env, cwd: import.meta.dirname, stdout: terminal, stderr: terminal, signal })
  return text.trimEnd().split('\n')
}
