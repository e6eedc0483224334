import { loadRuleSet } from '../../job-image/rules/load.ts'
import { DEFAULT_BATCH_SIZE } from '../../job-image/run/options.ts'
import type { RunOptions } from '../../job-image/run/options.ts'
import { newRunKey } from '../../job-image/run/summary.ts'

/** Silence after which tests take a worker for dead, in ms: longer than a loaded machine stops a process for. */
export const ABANDON_AFTER = 3_000

/** A request for a run of `production` with the built-in rules and short times. */
export function runRequest(databaseUrl: string, changes: Partial<RunOptions> = {}): RunOptions {
  return {
    databaseUrl,
    environment: 'production',
    ruleSet: loadRuleSet(),
    configurationDigest: 'test',
    runKey: newRunKey(),
    triggeredBy: 'test',
    batchSize: DEFAULT_BATCH_SIZE,
    // What is stored when a run is stopped is then one batch after the other.
    concurrency: 1,
    timing: { heartbeat: 200, abandonAfter: ABANDON_AFTER, outage: 5_000, poll: 50 },
    ...changes,
  }
}
