import { expect, it } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 2, controls: ['AC-2'] })
const folder = createFolder()
folder.write(
  'config.yaml',
  `environments: { production: {} }
full_every: 1mo
notifications: [{ name: ops, type: webhook, on: [always], url: 'https://127.0.0.1:1/' }]
`,
)
folder.write('systems.yaml', 'systems: [{ name: a, environment: production }]\n')

/** Every command that prints JSON, after a run that has something to print. */
const LINES = [
  'scheduler once',
  'scheduler once --incremental --control AC-2',
  'scheduler runs',
  'runs list',
  'runs show 1',
  'runs systems 1',
  'runs controls 1',
  'runs replay 1',
  'record verify 1',
  'results',
  'systems list',
  'systems remove a --results --dry-run',
  'inventory apply systems.yaml',
  'catalog list',
  'catalog import --builtin nist-800-53-rev5 --dry-run',
  'db status',
  'db migrate',
  'db widen-ids',
  'db prune --older-than 1y --dry-run',
  'notify list',
  'notify test',
  'notify flush --now',
  'config show',
  'config check',
  'rules list',
  'rules explain AC-2',
  'schedules preview 0_2_*_*_* --count 2',
]

it('spells every key of every JSON output in snake_case', async () => {
  const env = { DATABASE_URL: url, RAPIDRMF_OUTAGE: '0' }
  for (const line of ['inventory apply systems.yaml', ...LINES]) {
    const argv = line.split(' ').map((word) => word.replaceAll('_*', ' *').replace('0_2', '0 2'))
    const { out, err } = await runArgv([...argv, '--json'], { cwd: folder.path, env })
    expect({ line, err, keys: keysOf(JSON.parse(out || 'null')) }).toEqual({
      line,
      err,
      keys: expect.not.arrayContaining([expect.stringMatching(/[A-Z]/)]) as unknown,
    })
    expect({ line, err, out: out === '' }).toEqual({ line, err, out: false })
  }
})

/** All keys of objects within objects and lists. */
function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf)
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, member]) => [key, ...keysOf(member)])
}
