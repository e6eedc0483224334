import { execFile } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { RUN_REQUEST_ANNOTATION, SHORT_NAME } from '../../crds/names.ts'
import { createDatabase } from '../support/database.ts'
import { DOCUMENTS, commandBlocks } from '../support/document-commands.ts'
import { helpOfEveryCommand } from '../support/help.ts'
import { startReceiver } from '../support/receiver.ts'
import { createFolder } from '../support/run-command.ts'

const ROOT = join(import.meta.dirname, '../..')
const run = promisify(execFile)

/** Commands that no test of documents runs, and why. */
const NOT_RUN: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^npm run quickstart$/, 'starts a server that stays; .ci/run runs it'],
  [/^npm run (cluster|operator)\b/, 'stays in the foreground; test/cluster starts both'],
  [/^rapidrmf scheduler start /, 'stays in the foreground; test/pg/run starts it'],
  [
    /^docker (build|push|run) /,
    'needs a Docker daemon and a registry; test/image builds and runs both images',
  ],
  [/^psql /, 'is a program of PostgreSQL that not every machine has; the test creates the schema'],
]

/** Commands for a cluster are compared with the files, flags, fields and values that they name. */
const FOR_CLUSTER = /^(kubectl|helm) |\$\(kubectl |\| kubectl |^rapidrmf\(\) \{/

const textOf = (document: string): string => readFileSync(join(ROOT, document), 'utf8')

const BLOCKS = DOCUMENTS.flatMap(commandBlocks)
const reasonFor = (command: string): string | undefined =>
  NOT_RUN.find(([pattern]) => pattern.test(command))?.[1]
const isRun = (command: string): boolean => reasonFor(command) === undefined && !FOR_CLUSTER.test(command)

/** The number of a run in the documents. */
const DOCUMENTED_RUN = 1207

const { client, url } = await createDatabase()
const receiver = await startReceiver()
const folder = createFolder()
const home = join(folder.path, 'home')

/** Runs the lines in the folder by bash, with `rapidrmf` as a program. */
async function bash(script: string): Promise<void> {
  const env = {
    PATH: `${join(folder.path, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    DATABASE_URL: url,
  }
  await run('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder.path,
    env,
    timeout: 180_000,
    maxBuffer: 2 ** 26,
  })
}

beforeAll(async () => {
  const program = (name: string, text: string): void =>
    chmodSync(join(folder.path, folder.write(`bin/${name}`, text)), 0o755)
  program('rapidrmf', `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'job-image/main.ts')}' "$@"\n`)
  // Takes the name that the filter reads, and fails unless each element has it.
  program(
    'jq',
    `#!/bin/sh\nexec '${process.execPath}' -e 'const [, name] = /\\.(\\w+) ==/.exec(process.argv[1])
const rows = JSON.parse(require("fs").readFileSync(0, "utf8"))
if (rows.length === 0 || !rows.every((row) => name in row)) process.exit(5)' "$1"\n`,
  )
  mkdirSync(join(home, '.config/fish/completions'), { recursive: true })
  cpSync(join(ROOT, 'examples'), join(folder.path, 'examples'), { recursive: true })
  cpSync(join(ROOT, 'examples/evidence'), join(folder.path, 'evidence'), { recursive: true })
  folder.write(
    'systems.yaml',
    `environment: production\n${readFileSync(join(ROOT, 'examples/inventory.yaml'), 'utf8')}`,
  )
  folder.write(
    'config.yaml',
    `environments: { production: {}, quickstart: {} }
notifications:
  - { name: chat, type: slack, on: [always], url: '${receiver.url}', allow_private_addresses: true }
`,
  )
  await client.query(`ALTER SEQUENCE job_runs_id_seq RESTART ${DOCUMENTED_RUN}; CREATE SCHEMA own`)
  await client.query(
    `INSERT INTO systems (name, environment, created_at, attributes) VALUES ('sample', 'quickstart', now(), '{}')`,
  )
  // As the quickstart does.
  await bash(`rapidrmf catalog import --builtin nist-800-53-rev5
rapidrmf inventory apply examples/inventory.yaml --env production
rapidrmf scheduler once`)
}, 180_000)

/** Placeholders of the documents, as this installation has them. */
function filledIn(command: string): string {
  return command.replaceAll(/postgresql:\/\/USER:PASSWORD@[^/\s]+\/DATABASE/g, url)
}

describe('commands of the documents', () => {
  const scripts = BLOCKS.map(({ place, commands }) => ({ place, commands: commands.filter(isRun) })).filter(
    ({ commands }) => commands.length > 0,
  )

  test.each(scripts)(
    'succeed at $place',
    async ({ commands }) => {
      await bash(commands.map(filledIn).join('\n'))
    },
    200_000,
  )

  test('are found', () => {
    const commands = scripts.flatMap((each) => each.commands)
    expect(commands.filter((command) => command.includes('rapidrmf ')).length).toBeGreaterThan(25)
    expect(commands.filter((command) => !/\brapidrmf |^export /.test(command))).toEqual([])
  })

  test('are run, but for a list of at most ten', () => {
    const commands = BLOCKS.flatMap((block) => block.commands)
    expect(NOT_RUN.length).toBeLessThanOrEqual(10)
    const unused = NOT_RUN.filter(([pattern]) => !commands.some((command) => pattern.test(command)))
    expect(unused).toEqual([])
  })

  test('within sentences exist, too', async () => {
    const known = (await helpOfEveryCommand()).map(({ argv }) => argv.join(' '))
    const named = DOCUMENTS.flatMap((document) =>
      [...textOf(document).matchAll(/`rapidrmf ([a-z-]+(?: [a-z-]+)?)/g)].map(([, name = '']) => name),
    )
    expect(named.length).toBeGreaterThan(30)
    const exists = (name: string): boolean =>
      known.includes(name) ||
      known.includes(name.split(' ')[0] ?? '') ||
      known.some((each) => each.startsWith(`${name} `))
    expect(named.filter((name) => !exists(name))).toEqual([])
  })

  test('of npm are scripts of this package', () => {
    const { scripts: known } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const named = DOCUMENTS.flatMap((document) =>
      [...textOf(document).matchAll(/\bnpm run (?:--silent )?([a-z][\w:]*)/g)].map(([, name = '']) => name),
    )
    expect(named).toContain('quickstart')
    expect(named.filter((name) => !(name in known))).toEqual([])
  })
})

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  annotate: ['--overwrite'],
  apply: ['-f'],
  create: ['-f', '-o', '--from-literal', '--from-file'],
  delete: [],
  describe: [],
  get: ['-A', '-l', '-o'],
  logs: ['--all-containers', '-l', '--tail'],
  patch: ['--type', '-p'],
  'port-forward': [],
  rollout: [],
  run: ['--image', '--restart', '--override-type', '--overrides'],
  wait: ['--for', '--timeout'],
}
const KINDS = ['pod', 'pods', 'lease', SHORT_NAME, '']

/** The member at a path of names with dots between them. */
const memberAt = (root: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], root)

describe('commands for a cluster', () => {
  const commands = BLOCKS.flatMap((block) => block.commands).filter((command) => FOR_CLUSTER.test(command))
  const kubectl = commands.flatMap((command) =>
    command
      .replaceAll('\\\n', ' ')
      .split(/(?=\bkubectl )/)
      .filter((part) => part.startsWith('kubectl ')),
  )
  const all = (pattern: RegExp): string[] =>
    commands.flatMap((command) => [...command.matchAll(pattern)].map(([, text = '']) => text))

  test('use verbs, kinds and flags of kubectl', () => {
    expect(kubectl.length).toBeGreaterThan(20)
    const wrong = kubectl.filter((command) => {
      const [own = ''] = command.replace(/^kubectl (-n \w+ )?/, '').split(/ -- | > | \|\| | && |\)$|\n/)
      const [verb = '', kind = ''] = own.split(' ')
      const flags = own.replaceAll(/'[^']*'|"[^"]*"/g, '').match(/(?<=\s)--?[A-Za-z][\w-]*/g) ?? []
      const known = FLAGS[verb]
      if (known === undefined || !flags.every((flag) => flag === '-n' || known.includes(flag))) return true
      return ['annotate', 'describe', 'get', 'patch'].includes(verb) && !KINDS.includes(kind)
    })
    expect(wrong).toEqual([])
  })

  test('name files, annotations and fields that exist', () => {
    const files = all(/\b((?:examples|crds)\/[\w./-]+)/g)
    expect(files.length).toBeGreaterThan(3)
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
    expect(new Set(all(/annotate \w+ \w+ ([^=]+)=/g))).toEqual(new Set([RUN_REQUEST_ANNOTATION]))
    const crd: unknown = parse(readFileSync(join(ROOT, 'crds/validationschedules.rapidrmf.io.yaml'), 'utf8'))
    const fields = commands
      .filter((command) => command.includes(` ${SHORT_NAME}`))
      .flatMap((command) => [...command.matchAll(/\{\.(status[\w.]*)\}/g)].map(([, field = '']) => field))
    expect(fields.length).toBeGreaterThan(3)
    const schema = 'spec.versions.0.schema.openAPIV3Schema.properties.'
    expect(
      fields.filter((field) => memberAt(crd, schema + field.replaceAll('.', '.properties.')) === undefined),
    ).toEqual([])
  })

  test('set values that the chart has', () => {
    const values: unknown = parse(readFileSync(join(ROOT, 'helm/rapidrmf/values.yaml'), 'utf8'))
    const set = all(/--set(?:-string)? ([\w.]+)=/g)
    expect(set.length).toBeGreaterThan(5)
    expect(set.filter((path) => memberAt(values, path) === undefined)).toEqual([])
  })
})
