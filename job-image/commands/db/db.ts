import { command, flag } from 'cmd-ts'
import type { IdSpace } from '../../db/schema/id-exhaustion.ts'
import type { DatabaseStatus } from '../../db/schema/status.ts'
import { write, writeJson } from '../../io.ts'
import type { Action } from '../../io.ts'
import { plural } from '../../plural.ts'
import { withDatabase } from '../shared/connection.ts'
import { group } from '../shared/group.ts'
import { configOption, databaseEnvOption, databaseUrlOption, jsonFlag } from '../shared/options.ts'
import { pruneCommand } from './prune.ts'

const target = { config: configOption, env: databaseEnvOption, databaseUrl: databaseUrlOption }

const PURPOSE = { name: 'db' }

const migrateCommand = command({
  name: 'migrate',
  description: 'Make or update the tables; safe to repeat, and from several places at once',
  args: { ...target, json: jsonFlag },
  examples: [
    { description: 'On an empty or a RapidRMF database', command: 'rapidrmf db migrate --env production' },
  ],
  handler:
    ({ json, ...options }): Action =>
    async (io) => {
      const { migrate } = await import('../../db/schema/schema.ts')
      const applied = await withDatabase(options, { ...PURPOSE, writes: true }, io, (client) =>
        migrate(client, { onProgress: (message) => io.stderr.write(`${message}\n`) }),
      )
      if (json) await writeJson(io.stdout, { applied })
      else await write(io.stdout, applied.length === 0 ? 'up to date\n' : `applied: ${applied.join(', ')}\n`)
      return 0
    },
})

const statusCommand = command({
  name: 'status',
  description:
    'Show the schema in use, the encoding, the migrations applied, how shared tables differ from what is needed, which indexes are missing, and how far the ids of results are used up; exit 2 if anything has to be done',
  args: { ...target, json: jsonFlag },
  examples: [
    { description: 'Before a new version goes live', command: 'rapidrmf db status --env production' },
    { description: 'For monitoring', command: 'rapidrmf db status --json' },
  ],
  handler:
    ({ json, ...options }): Action =>
    async (io) => {
      const { databaseStatus } = await import('../../db/schema/status.ts')
      const status = await withDatabase(options, PURPOSE, io, databaseStatus)
      if (json) await writeJson(io.stdout, status)
      else await write(io.stdout, await statusText(status))
      return status.ready ? 0 : 2
    },
})

async function statusText(status: DatabaseStatus): Promise<string> {
  const { problemText } = await import('../../db/schema/table-shapes.ts')
  const { schema, schema_problem: problem, hidden, applied, pending, unknown } = status
  const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))
  const { table_problems: problems, index_problems: indexes, result_ids: ids } = status
  return [
    `schema: ${schema ?? `unclear: ${problem}`}`,
    ...(hidden.length === 0 ? [] : [`hidden by it: ${hidden.join(', ')}`]),
    `encoding: ${status.encoding_problem ?? status.encoding}`,
    `applied: ${list(applied)}`,
    `pending: ${list(pending)}`,
    `from a newer version: ${list(unknown)}`,
    `shared tables: ${problems.length === 0 ? 'as needed' : plural(problems.length, 'difference')}`,
    ...problems.map((each) => `  ${problemText(each)} (affects: ${each.affects})`),
    `indexes: ${indexes.length === 0 ? 'as needed' : `${indexes.length} to be built by "rapidrmf db migrate"`}`,
    ...indexes.map(({ index, table, state }) => `  ${index} on ${table}: ${state}`),
    `ids of results: ${ids === null ? 'bigint' : `integer, ${percentUsed(ids)} used`}\n`,
  ].join('\n')
}

const widenIds = command({
  name: 'widen-ids',
  description: 'Make the ids of validation_results bigint; rewrites the table and locks it meanwhile',
  args: {
    ...target,
    yes: flag({
      long: 'yes',
      description: 'Do it: without this flag the command only says what it would do',
    }),
    json: jsonFlag,
  },
  examples: [
    { description: 'See how far they are used up', command: 'rapidrmf db widen-ids' },
    { description: 'In a maintenance window', command: 'rapidrmf db widen-ids --yes' },
  ],
  handler:
    ({ yes, json, ...options }): Action =>
    async (io) => {
      const { idSpace, widenIds: widen } = await import('../../db/schema/id-exhaustion.ts')
      const { before, widened } = await withDatabase(
        options,
        { ...PURPOSE, writes: yes },
        io,
        async (client) => {
          const space = await idSpace(client)
          return { before: space, widened: space !== undefined && yes && (await widen(client)) }
        },
      )
      if (json) await writeJson(io.stdout, { widened, result_ids: widened ? null : (before ?? null) })
      else await write(io.stdout, widenText(before, widened))
      return 0
    },
})

function widenText(before: IdSpace | undefined, widened: boolean): string {
  if (widened) return 'the ids are bigint now\n'
  if (before === undefined) return 'the ids are bigint: nothing to do\n'
  return `ids are integer, ${percentUsed(before)} used; add --yes to rewrite the table (it is locked for reads and writes meanwhile)\n`
}

function percentUsed({ used }: IdSpace): string {
  return `${(100 * used).toFixed(1)} %`
}

export const dbCommand = group({
  name: 'db',
  description: 'Look after the database',
  cmds: { migrate: migrateCommand, status: statusCommand, 'widen-ids': widenIds, prune: pruneCommand },
})
