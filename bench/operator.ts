// npm run bench:operator: measures the operator on a control plane that it starts. Compare the ratios and the counts:
// times depend on the machine, which the API server uses as well. Linux only: memory is read from /proc.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { command, flag, option, optional, string } from 'cmd-ts'
import type { Type } from 'cmd-ts'
import { positiveInteger } from '../job-image/commands/shared/numbers.ts'
import { readCommandLine } from '../scripts/command-line.ts'
import { CONTROL_PLANE, findBinaries } from '../scripts/control-plane/binaries.ts'
import { measure } from './operator/measure.ts'
import { figureTable, isMissed } from './report.ts'
import type { Figure } from './report.ts'

const numberList: Type<string, number[]> = {
  displayName: 'counts',
  from: (text) => Promise.all(text.split(',').map(positiveInteger('count').from)),
}

const parser = command({
  name: 'npm run bench:operator --',
  description:
    'Measures the operator on new control planes, and compares it with a bare client. The default sizes take half an hour on two cores',
  args: {
    schedules: option({
      long: 'schedules',
      type: optional(numberList),
      description:
        'Numbers of schedules, separated by commas; each is measured on a new cluster. Default: 1000,5000',
    }),
    rounds: option({
      long: 'rounds',
      type: optional(positiveInteger('count')),
      description: 'Rounds of the bulk and of the restart; the figures are medians. Default: 3',
    }),
    quick: flag({
      long: 'quick',
      description: '100 schedules, one round, ten seconds of steady state',
    }),
    json: option({
      long: 'json',
      type: optional(string),
      description: 'Also write the figures to this file',
    }),
    check: flag({ long: 'check', description: 'Exit 1 when a budget is missed' }),
  },
  examples: [{ description: 'A quick look', command: 'npm run bench:operator -- --quick' }],
  handler: (given) => given,
})
const options = await readCommandLine(parser)

type Result = { readonly schedules: number; readonly load: number; readonly figures: readonly Figure[] }

await main()

async function main(): Promise<void> {
  const { quick } = options
  const sizes = options.schedules ?? (quick ? [100] : [1000, 5000])
  const rounds = options.rounds ?? (quick ? 1 : 3)
  const machine = await machineFacts()
  log(
    Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  )
  const results: Result[] = []
  for (const schedules of sizes) {
    const figures = await measure({ schedules, rounds, steadySeconds: quick ? 10 : 60 }, (text) =>
      log(`${schedules} schedules: ${text}`),
    )
    const [load = 0] = loadavg()
    results.push({ schedules, load, figures })
    process.stdout.write(`${schedules} schedules, load average ${load.toFixed(1)}\n${figureTable(figures)}\n`)
  }
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, rounds, results }, null, 2)}\n`)
    log(`written to ${options.json}`)
  }
  if (options.check && results.some(({ figures }) => figures.some(isMissed))) process.exitCode = 1
}

async function machineFacts(): Promise<Record<string, string>> {
  const binaries = await findBinaries(CONTROL_PLANE)
  if ('missing' in binaries) throw new Error(binaries.missing)
  const program = join(binaries.directory, 'kube-apiserver')
  return {
    kubernetes: execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().replace('Kubernetes ', ''),
    cores: String(availableParallelism()),
    model: cpus()[0]?.model.trim() ?? 'unknown',
    node: process.version,
    'load average': loadavg()[0]?.toFixed(1) ?? '',
  }
}

function log(text: string): void {
  process.stderr.write(`${text}\n`)
}
