import { command, flag, subcommands } from 'cmd-ts'
import { write, writeJson } from '../io.ts'
import type { Action } from '../io.ts'
import { withDatabase } from './connection.ts'
import { configOption, databaseUrlOption, envOption, jsonFlag } from './options.ts'
import { pruneCommand } from './prune.ts'

const target = { config: configOption, env: envOption, databaseUrl: databaseUrlOption }

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
      const { migrate } = await import('../db/schema.ts')
      const applied = await withDatabase(options, PURPOSE, io, (client) =>
        migrate(client, { onWait: (message) => void io.stderr.write(`${message}\n`) }),
      )
      if (json) await writeJson(io.stdout, { applied })
      else await write(io.stdout, applied.length === 0 ? 'up to date\n' : `applied: ${applied.join(', ')}\n`)
      return 0
    },
})

const statusCommand = command({
  name: 'status',
  description:
    'Say which migrations are applied and how far the ids of results are used up; exit 2 if any is missing',
  args: { ...target, json: jsonFlag },
  handler:
    ({ json, ...options }): Action =>
    async (io) => {
      const { schemaStatus } = await import('../db/schema.ts')
      const { idSpace } = await import('../db/id-space.ts')
      const status = await withDatabase(options, PURPOSE, io, async (client) => {
        const schema = await schemaStatus(client)
        return { ...schema, result_ids: (await idSpace(client)) ?? null }
      })
      const { applied, pending, unknown, result_ids: ids } = status
      if (json) await writeJson(io.stdout, status)
      else {
        const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))
        await write(
          io.stdout,
          `applied: ${list(applied)}\npending: ${list(pending)}\nfrom a newer version: ${list(unknown)}\n` +
            `ids of results: ${ids === null ? 'bigint' : `integer, ${(100 * ids.used).toFixed(1)} % used`}\n`,
        )
      }
      return pending.length + unknown.length === 0 ? 0 : 2
    },
})

const widenIds = command({
  name: 'widen-ids',
  description: 'Make the ids of validation_results bigint; rewrites the table and locks it meanwhile',
  args: {
    ...target,
    yes: flag({
      long: 'yes',
      description: 'Do it: without this flag the command only says what it would do',
    }),
  },
  handler:
    ({ yes, ...options }): Action =>
    async (io) => {
      const { idSpace, widenIds: widen } = await import('../db/id-space.ts')
      const message = await withDatabase(options, PURPOSE, io, async (client) => {
        const space = await idSpace(client)
        if (space === undefined) return 'the ids are bigint: nothing to do\n'
        if (yes) return (await widen(client)) ? 'the ids are bigint now\n' : 'nothing to do\n'
        return `ids are integer, ${(100 * space.used).toFixed(1)} % used; add --yes to rewrite the table (nobody can read or write it meanwhile)\n`
      })
      await write(io.stdout, message)
      return 0
    },
})

export const dbCommand = subcommands({
  name: 'db',
  description: 'Look after the database',
  cmds: { migrate: migrateCommand, status: statusCommand, 'widen-ids': widenIds, prune: pruneCommand },
})
