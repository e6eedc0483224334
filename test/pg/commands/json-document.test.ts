import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { helpOfEveryCommand } from '../../support/help.ts'
import { startReceiver, status } from '../../support/receiver.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'

const ROOT = join(import.meta.dirname, '../../..')
const PAGE = readFileSync(join(ROOT, 'docs/json.md'), 'utf8')

type Member = { readonly parent: string; readonly name: string; readonly optional: boolean }

/** The members that the page lists for each command; `a.b` and `a[].b` are members of `a` and of its elements. */
const DOCUMENTED = new Map(
  PAGE.split(/^## /m)
    .slice(1)
    .map((section): [string, Member[]] => {
      const members = [...section.matchAll(/^\| `([a-z0-9_.[\]]+)` +\| (.*)\|$/gm)].map(
        ([, path = '', text = '']): Member => {
          const at = path.lastIndexOf('.')
          const optional = text.includes('left out')
          return { parent: at === -1 ? '' : path.slice(0, at), name: path.slice(at + 1), optional }
        },
      )
      return [section.split('\n')[0] ?? '', members]
    }),
)

/** The objects that a path leads to; a list at its begin stands for its elements. */
function objectsAt(json: unknown, path: string): object[] {
  let found = [json].flat()
  for (const step of path === '' ? [] : path.split('.')) {
    const name = step.replace('[]', '')
    found = found.flatMap((each) => (each as Record<string, unknown>)[name] ?? [])
  }
  return found as object[]
}

const { url } = await createDatabase()
const receiver = await startReceiver(status(500))
const folder = createFolder()

async function json(...argv: string[]): Promise<unknown> {
  const env = { DATABASE_URL: url, NO_COLOR: '1' }
  const { out, err } = await runArgv([...argv, '--json'], { cwd: folder.path, env })
  expect({ empty: out === '', err }).toMatchObject({ empty: false })
  return JSON.parse(out)
}

const outputs = new Map<string, unknown>()

beforeAll(async () => {
  cpSync(join(ROOT, 'examples'), folder.path, { recursive: true })
  folder.write(
    'config.yaml',
    `environments: { production: {} }
selection: { controls: { families: [AC] } }
notifications:
  - { name: chat, type: slack, on: [always], url: '${receiver.url}', allow_private_addresses: true }
`,
  )
  for (const [command, ...options] of [
    ['db migrate'],
    ['catalog import', '--builtin', 'nist-800-53-rev5'],
    ['catalog list'],
    ['inventory apply', 'inventory.yaml', '--env', 'production'],
    ['scheduler once', '--incremental'],
    ['db status'],
    ['runs list'],
    ['runs show', 'latest'],
    ['runs systems', 'latest'],
    ['runs replay', 'latest'],
    ['record verify', 'latest'],
    ['runs controls', 'latest'],
    ['results', '--run', 'latest', '--limit', '1'],
    ['systems list'],
    ['systems remove', 'legacy-fax-gateway', '--results', '--dry-run'],
    ['rules list'],
    ['rules explain', 'AC-2'],
    ['rules lint', 'rule-pack.yaml'],
    ['schedules preview', '@daily', '--count', '1'],
    ['notify test'],
    ['notify flush', '--now'],
    ['notify list'],
    ['config show'],
    ['config check'],
    ['db prune', '--older-than', '18mo', '--dry-run'],
    ['db widen-ids', '--yes'],
  ] as const) {
    outputs.set(command, await json(...command.split(' '), ...options))
  }
}, 180_000)

describe('docs/json.md', () => {
  test('has a section for each command with --json', async () => {
    const commands = (await helpOfEveryCommand())
      .filter(({ text }) => /^ {2}--json\b/m.test(text))
      .map(({ argv }) => argv.join(' '))
      // The same command under another name.
      .filter((name) => name !== 'scheduler runs')
    expect(commands.length).toBeGreaterThan(20)
    expect([...DOCUMENTED.keys()].filter((name) => name !== 'Problems').sort()).toEqual(commands.sort())
    expect([...outputs.keys()].sort()).toEqual(commands.sort())
  })

  const names = [...DOCUMENTED.keys()].filter((name) => name !== 'Problems')

  test.each(names)('has the members of %s, and no others', (command) => {
    const members = DOCUMENTED.get(command) ?? []
    expect(members).not.toEqual([])
    for (const [parent, own] of Map.groupBy(members, (each) => each.parent)) {
      const found = new Set(objectsAt(outputs.get(command), parent).flatMap((each) => Object.keys(each)))
      const known = own.map(({ name }) => name)
      const required = own.filter(({ optional }) => !optional).map(({ name }) => name)
      expect({ parent, unknown: [...found].filter((name) => !known.includes(name)) }).toEqual({
        parent,
        unknown: [],
      })
      expect({ parent, missing: required.filter((name) => !found.has(name)) }).toEqual({
        parent,
        missing: [],
      })
    }
  })

  test('has the members of a problem', async () => {
    folder.write('broken.yaml', 'environment: {}\n')
    const { problems } = (await json('config', 'check', '--config', 'broken.yaml')) as { problems: object[] }
    const text = PAGE.split(/^## /m).find((section) => section.startsWith('Problems')) ?? ''
    expect(problems.length).toBeGreaterThan(0)
    for (const name of Object.keys(problems[0] ?? {})) expect(text).toContain(`\`${name}\``)
  })
})
