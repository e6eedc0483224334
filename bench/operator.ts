// npm run bench:operator -- [--schedules 1000,5000] [--rounds 3] [--quick] [--json FILE] [--check]
// What the operator costs on a real control plane of its own. Compare the ratios and the counts: times depend on the
// machine, which the API server needs for itself. Linux only: memory is read from /proc.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CONTROL_PLANE, findBinaries } from '../test/cluster/binaries.ts'
import { measure } from './operator/measure.ts'
import { figureTable, isMissed } from './report.ts'
import type { Figure } from './report.ts'

const HELP = `npm run bench:operator -- [options]

  --schedules 1000,5000   how many, separated by commas; each number on a cluster of its own
  --rounds 3              of the bulk and of the restart; their medians count
  --quick                 100 schedules, one round, ten seconds of steady state
  --json FILE             writes the figures there as well
  --check                 exits with 1 when a budget is missed

Allow half an hour for the default sizes on two cores.
`

const { values: options } = parseArgs({
  options: {
    schedules: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

type Result = { readonly schedules: number; readonly load: number; readonly figures: readonly Figure[] }

if (options.help) process.stdout.write(HELP)
else await main()

async function main(): Promise<void> {
  const { quick } = options
  const sizes = numbers(options.schedules ?? (quick ? '100' : '1000,5000'))
  const [rounds = 1] = numbers(options.rounds ?? (quick ? '1' : '3'))
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

function numbers(text: string): number[] {
  const found = text.split(',').map(Number)
  if (found.every((value) => Number.isInteger(value) && value > 0)) return found
  process.stderr.write(`"${text}" is no list of whole numbers above zero\n`)
  process.exit(2)
}

function log(text: string): void {
  process.stderr.write(`${text}\n`)
}
