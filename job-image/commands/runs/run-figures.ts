import { command, option, optional, positional } from 'cmd-ts'
import type { Client } from 'pg'
import type { JobRun } from '../../db/runs/job-runs.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { tableWidth } from '../../output/table-width.ts'
import type { Column } from '../../output/table.ts'
import { CONTROL_ORDERS, SYSTEM_ORDERS } from '../../run-view/run-figures.ts'
import { withDatabases } from '../shared/databases.ts'
import type { WhereOptions } from '../shared/databases.ts'
import { findRun, runChoice } from '../shared/find-run.ts'
import type { RunChoice } from '../shared/find-run.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { formatArgs, readingArgs } from '../shared/options.ts'
import { choice } from '../shared/values.ts'

/** Rows of a table that a person reads; the JSON has them all. */
const DEFAULT_LIMIT = 20

const figuresArgs = {
  id: positional({ type: runChoice }),
  ...readingArgs,
  limit: option({
    long: 'limit',
    type: optional(positiveInteger('COUNT')),
    description: `How many at most. Default: ${DEFAULT_LIMIT}, with --json all`,
  }),
  ...formatArgs,
}

const sortOption = <Order extends string>(orders: readonly [Order, ...Order[]], description: string) =>
  option({
    long: 'sort',
    type: choice(orders),
    defaultValue: () => orders[0],
    defaultValueIsSerializable: true,
    description,
  })

/** `rapidrmf runs controls` */
export const controlsCommand = command({
  name: 'controls',
  description: 'Show what each control of a run came to over all systems, and how long deciding it took',
  args: {
    ...figuresArgs,
    sort: sortOption(
      CONTROL_ORDERS,
      'slowest, failing (most results that are not pass) or control (by name)',
    ),
  },
  examples: [
    { description: 'What takes longest', command: 'rapidrmf runs controls latest --limit 10' },
    { description: 'What is met least', command: 'rapidrmf runs controls 12 --sort failing --json' },
  ],
  handler:
    ({ sort, ...options }): Action =>
    async (io) => {
      const { listControlFigures } = await import('../../db/record/control-figures.ts')
      const { orderControls, whyNoFigures } = await import('../../run-view/run-figures.ts')
      const { controlColumns } = await import('../../run-view/run-figures-table.ts')
      const { run, rows } = await readRun(options, io, (client, { id }) => listControlFigures(client, id))
      const catalogs = new Set(rows.flatMap(({ catalog }) => catalog ?? [])).size > 1
      return print(options, io, {
        rows: orderControls(rows, sort),
        columns: controlColumns(catalogs),
        json: (row) => row,
        nothing: whyNoFigures(run, 'controls'),
      })
    },
})

/** `rapidrmf runs systems` */
export const systemsCommand = command({
  name: 'systems',
  description: 'Show what each system of a run came to over all controls',
  args: {
    ...figuresArgs,
    sort: sortOption(SYSTEM_ORDERS, 'failing (most results that are not pass), system (by name) or latest'),
  },
  examples: [
    { description: 'The worst ten', command: 'rapidrmf runs systems latest --limit 10' },
    { description: 'All of them, for a script', command: 'rapidrmf runs systems 12 --sort system --json' },
  ],
  handler:
    ({ sort, ...options }): Action =>
    async (io) => {
      const { listRunSystems } = await import('../../db/record/run-systems.ts')
      const { orderSystems, whyNoFigures } = await import('../../run-view/run-figures.ts')
      const { systemJson } = await import('../../run-view/run-detail.ts')
      const { SYSTEM_COLUMNS } = await import('../../run-view/run-detail-text.ts')
      const { run, rows } = await readRun(options, io, listRunSystems)
      return print(options, io, {
        rows: orderSystems(rows, sort),
        columns: SYSTEM_COLUMNS,
        json: systemJson,
        nothing: whyNoFigures(run, 'systems'),
      })
    },
})

type FiguresOptions = WhereOptions & {
  readonly id: RunChoice
  readonly limit: number | undefined
  readonly json: boolean
  readonly wide: boolean
}

async function readRun<Row>(
  { id, ...where }: FiguresOptions,
  io: Io,
  read: (client: Client, run: JobRun) => Promise<Row[]>,
): Promise<{ readonly run: JobRun; readonly rows: Row[] }> {
  return withDatabases(where, io, async (databases) => {
    const { run, database } = await findRun(databases, id, where.env)
    return { run, rows: await database.read((client) => read(client, run)) }
  })
}

type Printed<Row> = {
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  readonly json: (row: Row) => object
  /** The message for an empty list. */
  readonly nothing: string
}

async function print<Row>(
  { limit, json, wide }: FiguresOptions,
  { stdout, stderr }: Io,
  printed: Printed<Row>,
): Promise<number> {
  const { rows, columns, nothing } = printed
  if (rows.length === 0) await write(stderr, `${nothing}\n`)
  if (json) {
    await writeJson(stdout, rows.slice(0, limit).map(printed.json))
    return 0
  }
  if (rows.length === 0) return 0
  const { renderTable } = await import('../../output/table.ts')
  const shown = rows.slice(0, limit ?? DEFAULT_LIMIT)
  await write(stdout, renderTable(columns, shown, { width: tableWidth(stdout, { wide }) }))
  const more = rows.length - shown.length
  if (more > 0 && limit === undefined) await write(stdout, `… and ${more} more; --limit shows them\n`)
  return 0
}
