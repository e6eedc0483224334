import { runProgram } from './process.ts'
import type { Usage } from './process.ts'
import { median } from './report.ts'
import type { Figure } from './report.ts'

/** Runs an environment without systems. */
export type RunEmpty = (...flags: string[]) => Promise<Usage>

/** The number of runs of a command that takes a tenth of a second; the figure is their median. */
const STARTS = 7

/** Measures the fixed cost of a start. */
export async function startFigures(program: string, runEmpty: RunEmpty): Promise<Figure[]> {
  const versions: number[] = []
  const empty: number[] = []
  for (let run = 0; run < STARTS; run += 1) {
    versions.push((await runProgram(program, ['--version'])).cpu)
    empty.push((await runEmpty()).wall)
  }
  return [
    { name: '--version: CPU', value: median(versions), unit: 'ms', budget: { atMost: 120 } },
    { name: 'run of an empty environment: wall', value: median(empty), unit: 'ms', budget: { atMost: 350 } },
  ]
}

/**
 * The time that log lines, including the start of their library, add to a run, in ms. It is measured on an empty run,
 * because a run of any length writes the same two lines.
 */
export async function loggingTime(runEmpty: RunEmpty): Promise<number> {
  const differences: number[] = []
  for (let run = 0; run < 2 * STARTS; run += 1) {
    const logged = await runEmpty('--log-format', 'json', '--log-level', 'info')
    const silent = await runEmpty('--log-format', 'text', '--log-level', 'error')
    differences.push(logged.wall - silent.wall)
  }
  return median(differences)
}
