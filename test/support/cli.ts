import { spawn } from 'node:child_process'
import { join } from 'node:path'

export type CliOutcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

export type CliOptions = {
  /** Variables in addition to PATH and HOME. The process gets no others of the test's environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  /** The main.ts of another version; by default that of these sources. */
  readonly main?: string
  /** Shell text after the command, such as `| head -1`. The exit code is still that of the command. */
  readonly pipeTo?: string
}

const MAIN = join(import.meta.dirname, '../../job-image/main.ts')

/** Runs the program as a process and waits for its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliOutcome> {
  const { PATH = '', HOME = '' } = process.env
  const { main = MAIN } = options
  const settings = { cwd: options.cwd, env: { PATH, HOME, ...options.env } }
  const child =
    options.pipeTo === undefined
      ? spawn(process.execPath, [main, ...args], settings)
      : spawn(
          'bash',
          ['-c', `"$@" ${options.pipeTo}; exit "\${PIPESTATUS[0]}"`, 'cli', process.execPath, main, ...args],
          settings,
        )
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.end(options.input)
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
