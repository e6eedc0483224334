import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'

const MAIN = join(import.meta.dirname, '../../job-image/main.ts')

export type ProcessResult = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export type ProcessOptions = {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export type CliProcess = {
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => void
  /** Resolves at the end of the process. */
  readonly ended: Promise<ProcessResult>
  /** Resolves when stdout or stderr matches; rejects if the process ends before. */
  readonly said: (pattern: RegExp) => Promise<void>
}

const alive = new Set<CliProcess>()

/** The processes to kill at the end of the test file, also after a failed test. */
afterAll(async () => {
  for (const each of alive) each.kill('SIGKILL')
  await Promise.all([...alive].map(({ ended }) => ended))
})

/** Starts the program as a process that a test can observe and end. */
export function startCli(args: readonly string[], { env = {}, cwd }: ProcessOptions = {}): CliProcess {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  let over = false
  const listeners = new Set<() => void>()
  const check = (): void => {
    for (const listener of listeners) listener()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    check()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    check()
  })
  const ended = new Promise<ProcessResult>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => {
      over = true
      alive.delete(handle)
      check()
      resolve({ code, signal, stdout, stderr })
    })
  })
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = pattern.test(stdout) || pattern.test(stderr)
        if (!found && !over) return
        listeners.delete(check)
        if (found) resolve()
        else reject(new Error(`ended without saying ${pattern}: ${stdout}${stderr}`))
      }
      listeners.add(check)
      check()
    })
  const handle = {
    pid: child.pid ?? -1,
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    ended,
    said,
  }
  alive.add(handle)
  return handle
}

/** Checks that the password of a database URL is in none of these texts. */
export function expectNoPassword(url: string, ...texts: readonly string[]): void {
  const password = decodeURIComponent(new URL(url).password)
  expect(password.length).toBeGreaterThan(7)
  for (const text of texts) expect(text).not.toContain(password)
}
