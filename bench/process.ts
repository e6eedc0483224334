import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'

const BUILD = join(import.meta.dirname, '..', 'scripts', 'build.ts')
const USAGE = join(import.meta.dirname, 'usage.cjs')

/** Builds the program into `outdir`; returns its path. */
export function buildProgram(outdir: string): string {
  execFileSync(process.execPath, [BUILD, '--outdir', outdir])
  return join(outdir, 'rapidrmf.cjs')
}

/** The resources of one run of the program. Times in ms, memory in bytes. */
export type Usage = {
  readonly wall: number
  readonly cpu: number
  readonly peakRss: number
  readonly stdout: string
}

/** Runs the built program in a child process. Throws if it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Usage> {
  const started = performance.now()
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env, NODE_OPTIONS: `--require ${JSON.stringify(USAGE)}` },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  const [stdout, stderr, usage, code] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    text(child.stdio[3] as Readable),
    ended,
  ])
  const wall = performance.now() - started
  if (code !== 0) throw new Error(`rapidrmf ${args.join(' ')} exited with ${code}:\n${stderr}`)
  return { wall, stdout, ...(JSON.parse(usage) as { cpu: number; peakRss: number }) }
}
