// npm run quickstart: makes a run over NIST SP 800-53 from a fresh clone, with one command. It runs and prints the
// commands of a user.
import { command, flag } from 'cmd-ts'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { readCommandLine, runScript } from './command-line.ts'
import { startLocalPostgres } from './local-postgres.ts'
import type { LocalPostgres } from './local-postgres.ts'
import { INVENTORY, SAMPLE_ENVIRONMENT, inspectDatabase } from './sample-systems.ts'
import { withClient } from '../job-image/db/session/client.ts'
import { runBreakdown } from '../job-image/db/record/run-breakdown.ts'
import type { FamilyCount } from '../job-image/db/record/run-breakdown.ts'
import { parseDatabaseUrl } from '../job-image/db/session/url.ts'
import { EXIT, InputError } from '../job-image/errors.ts'
import { renderTable } from '../job-image/output/table.ts'
import type { Column } from '../job-image/output/table.ts'

const ROOT = join(import.meta.dirname, '..')
const parser = command({
  name: 'npm run quickstart --',
  description:
    'Validates six sample systems against NIST SP 800-53, on a PostgreSQL of its own, or in the environment "quickstart" of the database that DATABASE_URL names',
  args: {
    keep: flag({
      long: 'keep',
      description: 'Keep its server running, and print how to connect and how to stop it',
    }),
    yes: flag({ long: 'yes', description: 'Use the database of DATABASE_URL although it holds systems' }),
  },
  examples: [
    { description: 'Inspect the database afterwards', command: 'npm run quickstart -- --keep' },
    {
      description: 'In a database that is in use',
      command: 'DATABASE_URL=postgresql://… npm run quickstart -- --yes',
    },
  ],
  handler: (options) => options,
})
const { keep, yes } = await readCommandLine(parser)
const given = process.env['DATABASE_URL'] ?? ''
const terminalWidth = process.stdout.isTTY ? process.stdout.columns : undefined

/** The data directory. If this is root, the server runs as another user, which cannot read a clone under /root. */
function serverDirectory(): string {
  const clone = createHash('sha256').update(ROOT).digest('hex').slice(0, 8)
  return process.getuid?.() === 0 ? `/var/tmp/rapidrmf-quickstart-${clone}` : join(ROOT, '.quickstart')
}

function say(text: string): void {
  process.stdout.write(`\n${styleText('bold', text)}\n`)
}

/** Runs one rapidrmf command on the terminal; throws if it fails, which ends the quickstart. */
async function rapidrmf(url: string, ...args: string[]): Promise<string> {
  say(`$ rapidrmf ${args.join(' ')}`)
  const child = spawn(process.execPath, [join(ROOT, 'job-image', 'main.ts'), ...args], {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    process.stdout.write(text)
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code === 0) return output
  const message = `rapidrmf ${args.join(' ')} ended with exit code ${String(code)}`
  throw code === EXIT.usage ? new InputError(message) : new Error(message)
}

function breakdownTable(counts: readonly FamilyCount[]): string {
  const systems = [...new Set(counts.map(({ system }) => system))]
  const families = [...new Set(counts.map(({ family }) => family))].sort()
  const cell = (system: string, family: string): string => {
    const found = counts.find((count) => count.system === system && count.family === family)
    return found === undefined ? '' : `${found.pass}/${found.total}`
  }
  const columns: Column<string>[] = [
    { title: 'Family', value: (family) => family },
    ...systems.map((system): Column<string> => ({
      title: system,
      value: (family) => cell(system, family),
      align: 'right',
      minWidth: 7,
    })),
  ]
  return renderTable(columns, families, { width: terminalWidth })
}

type Place = {
  readonly url: string
  readonly environment: string
  readonly config: string
  /** True if the database has controls already. They belong to all environments and are not changed. */
  readonly hasControls: boolean
}

async function validate({ url, environment, config: file, hasControls }: Place): Promise<void> {
  const config = ['--config', file]
  const env = environment === 'production' ? [] : ['--env', environment]
  await rapidrmf(url, 'db', 'migrate', ...config, ...env)
  if (!hasControls) {
    await rapidrmf(url, 'catalog', 'import', '--builtin', 'nist-800-53-rev5', ...config, ...env)
  }
  await rapidrmf(url, 'inventory', 'apply', INVENTORY, '--env', environment, ...config)
  const summary = await rapidrmf(url, 'scheduler', 'once', ...config, ...env)
  const runId = Number(/^Run (\d+)/m.exec(summary)?.[1])
  const database = parseDatabaseUrl(url, 'DATABASE_URL')
  say('Controls that pass, by system and family')
  process.stdout.write(
    breakdownTable(await withClient({ url: database }, (client) => runBreakdown(client, runId))),
  )
  await rapidrmf(url, 'runs', 'replay', String(runId), ...config, ...env)
  await rapidrmf(url, 'scheduler', 'runs', ...config, ...env)
}

/** Validates the samples in a user's database with its controls; other environments get no row. */
async function validateInYours(url: string): Promise<void> {
  const environment = SAMPLE_ENVIRONMENT
  const { controls } = await inspectDatabase(url, environment, yes)
  await validate({ url, environment, config: 'examples/quickstart.yaml', hasControls: controls > 0 })
  say(`The samples are in the environment "${environment}" of your database. To take them out again:`)
  process.stdout.write(
    `  npm run --silent rapidrmf -- systems remove '*' --env ${environment} --results --yes\n`,
  )
}

function explain(server: LocalPostgres): void {
  say('The server stays up.')
  process.stdout.write(
    `  export DATABASE_URL='${server.url}'\n` +
      '  npm run --silent rapidrmf -- results --system identity-provider --control AC-2 --config examples/config.yaml\n' +
      `Stop it with:\n  ${server.stopCommand}\n`,
  )
}

async function quickstart(): Promise<void> {
  if (given !== '') return validateInYours(given)
  say('Starting PostgreSQL')
  const server = await startLocalPostgres({ directory: serverDirectory() })
  process.stdout.write(`PostgreSQL listens on 127.0.0.1:${server.port}\n`)
  try {
    await validate({
      url: server.url,
      environment: 'production',
      config: 'examples/config.yaml',
      hasControls: false,
    })
  } catch (error) {
    if (!server.wasRunning) await server.stop()
    throw error
  }
  if (keep || server.wasRunning) return explain(server)
  await server.stop()
  say(`The server is stopped; its data stays in ${server.dataDirectory}`)
  process.stdout.write('Again: npm run quickstart · and leave the server up: npm run quickstart -- --keep\n')
}

await runScript('quickstart', quickstart)
