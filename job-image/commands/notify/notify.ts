import { command, flag, option, optional, positional, string } from 'cmd-ts'
import type { Config } from '../../config/config.ts'
import { EXIT, InputError, asError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import type { ListedNotice } from '../../db/runs/notices.ts'
import type { Delivery } from '../../outbox/deliver.ts'
import type { Sink } from '../../notify/sink.ts'
import { tableWidth } from '../../output/table-width.ts'
import type { Column } from '../../output/table.ts'
import { targets, withDatabase } from '../shared/connection.ts'
import { withDatabases } from '../shared/databases.ts'
import { group } from '../shared/group.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { configOption, formatArgs, readingArgs } from '../shared/options.ts'
import { choice, text } from '../shared/values.ts'

const testCommand = command({
  name: 'test',
  description: 'Send a test notice to each sink now, or to one; exit 1 if any did not take it',
  args: {
    name: positional({
      displayName: 'NAME',
      type: optional(string),
      description: 'Only this sink of the configuration',
    }),
    config: configOption,
    env: option({
      long: 'env',
      type: optional(text('NAME')),
      description: 'Only sinks for this environment. Default: all sinks',
    }),
    ...formatArgs,
  },
  examples: [
    { description: 'All sinks', command: 'rapidrmf notify test' },
    { description: 'One of them, for a script', command: 'rapidrmf notify test ops --json' },
  ],
  handler:
    ({ name, json, wide, ...which }): Action =>
    async (io) => {
      const { config, sinks } = await configuredSinks(which, io)
      const trials = await Promise.all((await chosen(sinks, name, config)).map((sink) => tryOut(sink, io)))
      if (json) await writeJson(io.stdout, trials)
      else await write(io.stdout, await table(TRIAL_COLUMNS, trials, tableWidth(io.stdout, { wide })))
      return trials.every(({ outcome }) => outcome === 'sent') ? EXIT.ok : EXIT.failed
    },
})

const flushCommand = command({
  name: 'flush',
  description:
    'Close abandoned runs and send due notices, of every environment or one; exit 1 if any could not be sent',
  args: {
    ...readingArgs,
    now: flag({
      long: 'now',
      description: 'Also those that wait after a failed try, and those that were given up',
    }),
    ...formatArgs,
  },
  examples: [
    { description: 'From a job every few minutes', command: 'rapidrmf notify flush --env production' },
    { description: 'After the sink was repaired', command: 'rapidrmf notify flush --now' },
  ],
  handler:
    ({ now, json, wide, ...which }): Action =>
    async (io) => {
      const deliveries = await flush(which, now, io)
      if (json) await writeJson(io.stdout, deliveries.map(deliveryJson))
      else if (deliveries.length === 0) await write(io.stderr, 'nothing is due\n')
      else await write(io.stdout, await table(DELIVERY_COLUMNS, deliveries, tableWidth(io.stdout, { wide })))
      return deliveries.every(({ outcome }) => outcome === 'sent') ? EXIT.ok : EXIT.failed
    },
})

const listCommand = command({
  name: 'list',
  description: 'List notices, newest first: what waits, what was sent, what failed and why',
  args: {
    ...readingArgs,
    state: option({
      long: 'state',
      type: optional(choice(['pending', 'sent', 'failed', 'cancelled'])),
      description: 'Only these: pending, sent, failed (given up) or cancelled (a retry opened the run again)',
    }),
    sink: option({ long: 'sink', type: optional(text('NAME')), description: 'Only those for this sink' }),
    limit: option({
      long: 'limit',
      type: positiveInteger('COUNT'),
      defaultValue: () => 20,
      defaultValueIsSerializable: true,
      description: 'How many at most, of each database',
    }),
    ...formatArgs,
  },
  examples: [
    {
      description: 'Notices that could not be sent',
      command: 'rapidrmf notify list --state failed --sink ops',
    },
    { description: 'For a script', command: 'rapidrmf notify list --env production --json' },
  ],
  handler:
    ({ state, sink, limit, json, wide, ...which }): Action =>
    async (io) => {
      const { listNotices } = await import('../../db/runs/notices.ts')
      const filter = {
        limit,
        environment: which.env,
        state,
        sink,
      }
      const notices = await withDatabases(which, io, async (databases) =>
        (
          await Promise.all(databases.map(({ read }) => read((client) => listNotices(client, filter))))
        ).flat(),
      )
      if (json) return writeJson(io.stdout, await noticesJson(notices)).then(() => EXIT.ok)
      await write(io.stdout, await table(NOTICE_COLUMNS, notices, tableWidth(io.stdout, { wide })))
      if (notices.length === 0) await write(io.stderr, 'no notices\n')
      return EXIT.ok
    },
})

/** `rapidrmf notify` */
export const notifyCommand = group({
  name: 'notify',
  description: 'Try, send and list the notices about the ends of runs',
  cmds: { test: testCommand, flush: flushCommand, list: listCommand },
})

type Which = { readonly config: string; readonly env: string | undefined }

/** The sinks of the configuration; with `env`, those of that environment. */
async function configuredSinks(
  { config: path, env }: Which,
  io: Io,
): Promise<{ config: Config; sinks: Sink[] }> {
  const { environmentOf, loadConfig } = await import('../../config/config.ts')
  const { resolveSink } = await import('../../config/notifications.ts')
  const { configFile } = await import('../../config/target.ts')
  const { sinksFor } = await import('../../notify/sink.ts')
  const config = loadConfig(configFile(path, io), io.env)
  const all = config.notifications.map((each) => resolveSink(each, io.env).sink)
  const sinks = env === undefined ? all : sinksFor(all, environmentOf(config, env).name)
  if (sinks.length > 0) return { config, sinks }
  const whose = env === undefined ? '' : ` for environment "${env}"`
  throw new InputError({ file: config.file, message: `there are no sinks${whose} under "notifications"` })
}

async function chosen(sinks: Sink[], name: string | undefined, { file }: Config): Promise<Sink[]> {
  if (name === undefined) return sinks
  const found = sinks.filter((sink) => sink.name === name)
  if (found.length > 0) return found
  const { suggestion } = await import('../../document.ts')
  const known = suggestion(
    name,
    sinks.map((sink) => sink.name),
  )
  throw new InputError({ file, message: `there is no sink ${JSON.stringify(name)} here${known}` })
}

type Trial = {
  readonly sink: string
  readonly type: string
  readonly outcome: 'sent' | 'failed'
  readonly error: string | null
}

async function tryOut(sink: Sink, { signal }: Io): Promise<Trial> {
  const { randomUUID } = await import('node:crypto')
  const { testNotice } = await import('../../notify/notice.ts')
  const { send } = await import('../../notify/send.ts')
  const { name, transport, environments } = sink
  const type = transport.type === 'unusable' ? transport.kind : transport.type
  try {
    const notice = testNotice(randomUUID(), environments[0] ?? '', new Date().toISOString())
    await send(sink, notice, { signal })
    return { sink: name, type, outcome: 'sent', error: null }
  } catch (thrown) {
    return { sink: name, type, outcome: 'failed', error: asError(thrown).message }
  }
}

/**
 * Each database is processed once, for all of its environments. Abandoned runs are closed first, so
 * that their notices exist; also those of environments that are not in the configuration.
 */
async function flush(
  which: Which & { readonly databaseUrl: string | undefined },
  retryNow: boolean,
  io: Io,
): Promise<Delivery[]> {
  const { allDatabases, databaseUrlFor } = await import('../../config/target.ts')
  const { deliverNotices } = await import('../../outbox/deliver.ts')
  const { sinksFor } = await import('../../notify/sink.ts')
  const { timingFrom } = await import('../../run/from-config.ts')
  const { closeAbandonedRunsOf } = await import('../../run/abandoned-runs.ts')
  const { config, sinks } = await configuredSinks(which, io)
  const { env, databaseUrl } = which
  const warnings: string[] = []
  const silent = {
    abandonAfter: timingFrom(io.env).abandonAfter,
    notifications: sinks,
    observer: ({ message }: { readonly message: string }) => void warnings.push(message),
  }
  const databases =
    env === undefined
      ? allDatabases(config, databaseUrl, io)
      : [{ url: databaseUrlFor({ config, env, databaseUrl }, io).url, environments: [env] }]
  const target = await targets('notify', io)
  const deliveries: Delivery[] = []
  for (const { url, environments } of databases) {
    const writable = { ...target(url), writes: true }
    await withDatabase({ url }, { name: 'notify', writes: true, currentSchema: true }, io, async () => {})
    await closeAbandonedRunsOf(writable, env ?? null, silent)
    const here = sinksFor(sinks, ...environments)
    deliveries.push(...(await deliverNotices(writable, here, { signal: io.signal, retryNow })))
  }
  for (const message of warnings) await write(io.stderr, `warning: ${message}\n`)
  return deliveries
}

function deliveryJson({ sink, outcome, eventId, runId, trigger, error }: Delivery): object {
  return { sink, outcome, event_id: eventId, run_id: runId, trigger, error }
}

async function noticesJson(notices: readonly ListedNotice[]): Promise<object[]> {
  const { isoTimestamp } = await import('../../time.ts')
  return notices.map(({ job_run_id, created_at, next_try_at, sent_at, cancelled_at, ...notice }) => ({
    ...notice,
    run_id: job_run_id,
    created_at: isoTimestamp(created_at),
    next_try_at: isoTimestamp(next_try_at),
    sent_at: isoTimestamp(sent_at),
    cancelled_at: isoTimestamp(cancelled_at),
  }))
}

const TRIAL_COLUMNS: readonly Column<Trial>[] = [
  { title: 'Sink', value: ({ sink }) => sink },
  { title: 'Type', value: ({ type }) => type },
  { title: 'Outcome', value: ({ outcome }) => outcome },
  { title: 'Error', value: ({ error }) => error, minWidth: 5 },
]

const DELIVERY_COLUMNS: readonly Column<Delivery>[] = [
  { title: 'Sink', value: ({ sink }) => sink },
  { title: 'Run', value: ({ runId }) => runId, align: 'right' },
  { title: 'Trigger', value: ({ trigger }) => trigger },
  { title: 'Outcome', value: ({ outcome }) => outcome },
  { title: 'Error', value: ({ error }) => error, minWidth: 5 },
]

const NOTICE_COLUMNS: readonly Column<ListedNotice>[] = [
  { title: 'Made', value: ({ created_at }) => created_at.slice(0, 19), minWidth: 19, rank: 4 },
  { title: 'Run', value: (notice) => notice.job_run_id, align: 'right' },
  { title: 'Env', value: ({ environment }) => environment, minWidth: 6, rank: 6 },
  { title: 'Sink', value: ({ sink }) => sink, minWidth: 6 },
  { title: 'Trigger', value: ({ trigger }) => trigger },
  { title: 'State', value: ({ state }) => state },
  { title: 'Tries', value: ({ attempts }) => attempts, align: 'right' },
  {
    title: 'Next try',
    value: ({ next_try_at }) => next_try_at?.slice(0, 19),
    minWidth: 19,
    rank: 6,
  },
  { title: 'Error', value: ({ last_error }) => last_error, minWidth: 5, rank: 1 },
]

async function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | undefined,
): Promise<string> {
  const { renderTable } = await import('../../output/table.ts')
  return renderTable(columns, rows, { width })
}
