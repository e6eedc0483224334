import { command, option, optional, positional, string } from 'cmd-ts'
import { InputError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action } from '../../io.ts'
import { tableWidth } from '../../output/table-width.ts'
import type { Column } from '../../output/table.ts'
import type { PreviewedRun } from '../../schedules/preview.ts'
import { group } from '../shared/group.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { formatArgs } from '../shared/options.ts'
import { text } from '../shared/values.ts'

const MAX_COUNT = 1000

const preview = command({
  name: 'preview',
  description: 'Show when a schedule runs next, as a Kubernetes CronJob reads it',
  args: {
    cron: positional({
      displayName: 'CRON',
      type: string,
      description: 'Minute hour day-of-month month day-of-week, in quotes; Sunday is 0 (or 7)',
    }),
    timezone: option({
      long: 'timezone',
      type: text('ZONE'),
      defaultValue: () => 'Etc/UTC',
      defaultValueIsSerializable: true,
      description: 'Time zone of the schedule (IANA name)',
    }),
    from: option({
      long: 'from',
      type: optional(text('TIME')),
      description: 'Runs after this time (ISO-8601; UTC unless it says otherwise). Default: now',
    }),
    count: option({
      long: 'count',
      type: positiveInteger('COUNT', MAX_COUNT),
      defaultValue: () => 5,
      defaultValueIsSerializable: true,
      description: 'How many runs',
    }),
    ...formatArgs,
  },
  examples: [
    { description: 'Every night at two, UTC', command: 'rapidrmf schedules preview "0 2 * * *"' },
    {
      description: 'Around the change of the clocks',
      command: 'rapidrmf schedules preview "0 2 * * *" --timezone America/New_York --from 2027-03-12',
    },
  ],
  handler:
    ({ cron, timezone: timeZone, from, count, json, wide }): Action =>
    async ({ stdout }) => {
      const { previewSchedule } = await import('../../schedules/preview.ts')
      const start = from === undefined ? new Date() : await instantOf(from)
      const { runs, notes } = previewSchedule({ cron, timeZone, from: start, count })
      if (json) {
        await writeJson(stdout, notes.length === 0 ? { runs } : { runs, notes })
        return 0
      }
      if (runs.length > 0) {
        const { renderTable } = await import('../../output/table.ts')
        const width = tableWidth(stdout, { wide })
        await write(stdout, renderTable(columnsFor(timeZone), runs, { width }))
      }
      for (const note of notes) await write(stdout, `note: ${note}\n`)
      return 0
    },
})

export const schedulesCommand = group({
  name: 'schedules',
  description: 'Show what a schedule means',
  cmds: { preview },
})

function columnsFor(timeZone: string): readonly Column<PreviewedRun>[] {
  return [
    // The local time says its offset: on a narrow terminal it is enough.
    { title: 'UTC', value: ({ utc }) => utc, rank: 2 },
    { title: timeZone, value: ({ local }) => local, minWidth: 25 },
    // Of the local date, whatever zone this process is in.
    {
      title: 'Day',
      value: ({ local }) => WEEKDAYS[new Date(`${local.slice(0, 10)}T00:00Z`).getUTCDay()] ?? '',
    },
  ]
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** Offsets before 1970 are not kept, and the tables of zones say nothing about a far future. */
const YEARS = { first: 1970, last: 9900 } as const

async function instantOf(text: string): Promise<Date> {
  const { parseTimestamp } = await import('../../time.ts')
  const outOfRange = new InputError(
    `--from: expected a time such as 2027-03-12T00:00:00Z (${YEARS.first} to ${YEARS.last}), found ${JSON.stringify(text)}`,
  )
  try {
    // A date alone is its midnight in UTC, as everywhere else in this program.
    const micros = parseTimestamp(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00Z` : text)
    const date = new Date(micros / 1000)
    const year = date.getUTCFullYear()
    if (year >= YEARS.first && year <= YEARS.last) return date
  } catch (error) {
    outOfRange.cause = error
  }
  throw outOfRange
}
