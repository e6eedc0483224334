import { loadRuleSet } from '../../job-image/rules/load.ts'
import { DEFAULT_BATCH_SIZE } from '../../job-image/run/options.ts'
import type { RunOptions } from '../../job-image/run/options.ts'
import { newRunKey } from '../../job-image/run/summary.ts'

/** The abandon limit of tests, in ms: longer than any pause of a process on a loaded machine. */
export const ABANDON_AFTER = 3_000

/** Options for a run of `production` with the built-in rules and short timeouts. */
export function runRequest(databaseUrl: string, changes: Partial<RunOptions> = {}): RunOptions {
  return {
    databaseUrl,
    environment: 'production',
    ruleSet: loadRuleSet(),
    configurationDigest: 'test',
    runKey: newRunKey(),
    triggeredBy: 'test',
    publish: 'all',
    batchSize: DEFAULT_BATCH_SIZE.all,
    // With one connection, the batches of a stopped run are stored one after the other.
    concurrency: 1,
    timing: { heartbeat: 200, abandonAfter: ABANDON_AFTER, outage: 5_000, poll: 50 },
    ...changes,
  }
}
