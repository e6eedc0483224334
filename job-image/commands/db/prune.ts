import { command, flag, option } from 'cmd-ts'
import type { Type } from 'cmd-ts'
import type { PruneReport } from '../../db/prune/prune.ts'
import { InputError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { plural } from '../../plural.ts'
import { withDatabase } from '../shared/connection.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { configOption, databaseEnvOption, databaseUrlOption, jsonFlag } from '../shared/options.ts'

/** An age in PostgreSQL's words, and whether it is so short that it is probably a typing error. */
export type Age = { readonly interval: string; readonly short: boolean }

const UNITS: Readonly<Record<string, { readonly word: string; readonly hours: number }>> = {
  h: { word: 'hours', hours: 1 },
  d: { word: 'days', hours: 24 },
  w: { word: 'weeks', hours: 7 * 24 },
  mo: { word: 'months', hours: 30 * 24 },
  y: { word: 'years', hours: 365 * 24 },
}
/** Older than any installation, and what the database can subtract from today. */
const MAX_HOURS = 1000 * 365 * 24

/** `18mo`, `90d`, `2y`: a whole number and a unit; months and years are those of the calendar. */
export function parseAge(text: string): Age {
  const [, digits = '', name = ''] = /^(\d{1,7})(h|d|w|mo|y)$/.exec(text) ?? []
  const unit = UNITS[name]
  const hours = Number(digits) * (unit?.hours ?? 0)
  if (unit === undefined || hours > MAX_HOURS) {
    throw new Error(
      `expected an age like 18mo, 90d, 12w, 36h or 2y (at most 1000y), found ${JSON.stringify(text)}`,
    )
  }
  return { interval: `${Number(digits)} ${unit.word}`, short: hours < 24 }
}

const ageType: Type<string, Age> = { displayName: 'AGE', from: async (text) => parseAge(text) }

/** `rapidrmf db prune` */
export const pruneCommand = command({
  name: 'prune',
  description:
    'Delete the results of old runs, of every environment in the database; runs stay listed, and the newest result of each system and control is always kept',
  args: {
    config: configOption,
    env: databaseEnvOption,
    databaseUrl: databaseUrlOption,
    olderThan: option({
      long: 'older-than',
      type: ageType,
      description: 'Of runs that ended longer ago than this: 18mo, 90d, 12w, 2y',
    }),
    dryRun: flag({ long: 'dry-run', description: 'Say what would be deleted, and delete nothing' }),
    yes: flag({ long: 'yes', description: 'Allow an age of less than a day' }),
    batchSize: option({
      long: 'batch-size',
      type: positiveInteger('ROWS', 1_000_000),
      defaultValue: () => 10_000,
      defaultValueIsSerializable: true,
      description: 'Results per transaction, about',
    }),
    json: jsonFlag,
  },
  examples: [
    { description: 'See what would go', command: 'rapidrmf db prune --older-than 18mo --dry-run' },
    { description: 'From a nightly job', command: 'rapidrmf db prune --older-than 18mo --json' },
  ],
  handler:
    ({ olderThan, dryRun, yes, batchSize, json, ...target }): Action =>
    async (io) => {
      if (olderThan.short && !yes && !dryRun) {
        throw new InputError(
          '--older-than is less than a day: nearly all history would go; add --yes if that is meant',
        )
      }
      const { pruneResults } = await import('../../db/prune/prune.ts')
      const progress = progressLine(io)
      const purpose = { name: 'prune', writes: !dryRun, currentSchema: true }
      const report = await withDatabase(target, purpose, io, (client) =>
        pruneResults(client, {
          olderThan: olderThan.interval,
          dryRun,
          batchSize,
          signal: io.signal,
          onProgress: (soFar) => progress.draw(soFar),
        }),
      ).finally(() => progress.clear())
      if (json) await writeJson(io.stdout, reportJson(report))
      else await write(io.stdout, reportText(report))
      return 0
    },
})

const CLEAR_LINE = '\r\u001B[2K'

function progressLine({ stderr }: Io): { draw(report: PruneReport): void; clear(): void } {
  const show = (text: string): void => {
    if (stderr.isTTY === true) stderr.write(`${CLEAR_LINE}${text}`)
  }
  return {
    draw: ({ results, runs }) => show(`${plural(results, 'result')} of ${plural(runs, 'run')}`),
    clear: () => show(''),
  }
}

function reportJson({ cutoff, dryRun, runs, results, systemRows, batches }: PruneReport): object {
  return { cutoff, dry_run: dryRun, runs, results, system_rows: systemRows, batches }
}

function reportText({ cutoff, dryRun, runs, results, systemRows }: PruneReport): string {
  if (results + systemRows === 0) return `nothing to delete of runs that ended before ${cutoff}\n`
  return (
    `${dryRun ? 'would delete' : 'deleted'} ${plural(results, 'result')} and ${plural(systemRows, 'row')} about systems, ` +
    `of ${plural(runs, 'run')} that ended before ${cutoff}; the runs themselves stay\n`
  )
}
