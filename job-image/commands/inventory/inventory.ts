import { command, flag, option, optional, positional, string } from 'cmd-ts'
import type { ApplyOptions, SystemChange } from '../../db/inputs/inventory.ts'
import type { InventoryDatabaseOptions } from './inventory-database.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { tableWidth } from '../../output/table-width.ts'
import type { Column } from '../../output/table.ts'
import { withDatabase } from '../shared/connection.ts'
import { requireEnvironment } from '../shared/environment.ts'
import { group } from '../shared/group.ts'
import { configOption, databaseUrlOption, formatArgs } from '../shared/options.ts'
import { text } from '../shared/values.ts'

const environmentOption = option({
  long: 'env',
  type: optional(text('NAME')),
  description:
    'Environment whose database to use (default: the one that the file names), and of systems for which the file names none',
})

const applyCommand = command({
  name: 'apply',
  description: 'Make systems and their evidence in the database what a file says',
  args: {
    file: positional({ displayName: 'FILE', type: string, description: 'Inventory (YAML)' }),
    dryRun: flag({ long: 'dry-run', description: 'Report what would change, and change nothing' }),
    prune: flag({ long: 'prune', description: 'Remove evidence of the listed systems that the file omits' }),
    move: flag({ long: 'move', description: 'Let systems change their environment' }),
    ...formatArgs,
    config: configOption,
    env: environmentOption,
    databaseUrl: databaseUrlOption,
  },
  examples: [
    { description: 'See what would change', command: 'rapidrmf inventory apply inventory.yaml --dry-run' },
    {
      description: 'Also remove the evidence that the file omits',
      command: 'rapidrmf inventory apply inventory.yaml --prune',
    },
  ],
  handler:
    ({ file, json, wide, dryRun, ...options }): Action =>
    async (io) => {
      const changes = await apply(file, { ...options, dryRun }, io)
      const totals = totalsOf(changes)
      if (json) await writeJson(io.stdout, { dry_run: dryRun, totals, systems: changes })
      else
        await write(
          io.stdout,
          await report(changes, totals, { dryRun, width: tableWidth(io.stdout, { wide }) }),
        )
      return 0
    },
})

export const inventoryCommand = group({
  name: 'inventory',
  description: 'Keep systems and evidence from a file, where no other program feeds the tables',
  cmds: { apply: applyCommand },
})

async function apply(
  file: string,
  options: ApplyOptions & InventoryDatabaseOptions,
  io: Io,
): Promise<SystemChange[]> {
  const { configFile } = await import('../../config/target.ts')
  const { applyInventory } = await import('../../db/inputs/inventory.ts')
  const { describeDatabase } = await import('../../db/session/url.ts')
  const { inventoryDatabase } = await import('./inventory-database.ts')
  const { readInventory } = await import('../../inventory/inventory.ts')
  const inventory = await readInventory(configFile(file, io), options.env)
  const { url, config } = inventoryDatabase(inventory, options, io)
  const purpose = { name: 'inventory', writes: !options.dryRun, currentSchema: true }
  return withDatabase({ url }, purpose, io, async (client) => {
    const { env } = options
    // An environment that the file names may be new to the database; one that only the flag names may be misspelt.
    if (env !== undefined && !inventory.environments.has(env)) {
      await requireEnvironment(env, { config, client, database: describeDatabase(url) })
    }
    return applyInventory(client, inventory, options)
  })
}

type Totals = {
  readonly systems: Record<SystemChange['state'], number>
  readonly evidence: Record<'added' | 'changed' | 'unchanged' | 'removed', number>
}

function totalsOf(changes: readonly SystemChange[]): Totals {
  const systems = { added: 0, changed: 0, moved: 0, unchanged: 0 }
  const evidence = { added: 0, changed: 0, unchanged: 0, removed: 0 }
  for (const change of changes) {
    systems[change.state] += 1
    evidence.added += change.added
    evidence.changed += change.changed
    evidence.unchanged += change.unchanged
    evidence.removed += change.removed
  }
  return { systems, evidence }
}

const COLUMNS: readonly Column<SystemChange>[] = [
  { title: 'System', value: ({ system }) => system, minWidth: 12 },
  { title: 'Env', value: ({ environment }) => environment, minWidth: 10, rank: 1 },
  { title: 'State', value: ({ state }) => state, minWidth: 9 },
  { title: 'Added', value: ({ added }) => added, align: 'right' },
  { title: 'Changed', value: ({ changed }) => changed, align: 'right' },
  { title: 'Unchanged', value: ({ unchanged }) => unchanged, align: 'right', rank: 1 },
  { title: 'Removed', value: ({ removed }) => removed, align: 'right' },
]

async function report(
  changes: readonly SystemChange[],
  { systems, evidence }: Totals,
  { dryRun, width }: { readonly dryRun: boolean; readonly width: number | undefined },
): Promise<string> {
  const { renderTable } = await import('../../output/table.ts')
  const lines = [
    `systems: ${countsText(systems)}`,
    `evidence: ${countsText(evidence)}`,
    ...(dryRun ? ['dry run: nothing was changed'] : []),
  ]
  return `${renderTable(COLUMNS, changes, { width })}${lines.join('\n')}\n`
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
