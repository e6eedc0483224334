import { command, flag, option } from 'cmd-ts'
import type { PruneReport } from '../../db/prune/prune.ts'
import { InputError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { plural } from '../../plural.ts'
import { withDatabase } from '../shared/connection.ts'
import { ageType } from '../shared/durations.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { configOption, databaseEnvOption, databaseUrlOption, jsonFlag } from '../shared/options.ts'

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
      description: 'Of runs that ended longer ago than this, by the calendar: 18mo, 90d, 12w, 2y, P18M',
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
          '--older-than is less than a day: nearly all history would go; write months as mo, or add --yes if that is meant',
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
