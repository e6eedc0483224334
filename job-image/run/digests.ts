import { defined } from '../../common/defined.ts'
import { VERSION } from '../../common/version.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { InputError } from '../errors.ts'
import { scopeOfSelection } from '../selection/scope.ts'
import type { RunOptions } from './options.ts'

/** Digests that all attempts at one run must share, so that they evaluate the same thing. */
export type RunDigests = {
  readonly rules: string
  readonly configuration: string
  readonly tool_version: string
  /** Digest of the selection; absent without one. */
  readonly scope?: string | undefined
  /** What is published; absent for everything. */
  readonly publish?: string | undefined
  /** Set by planning. */
  readonly controls?: string | undefined
}

/** The digests of what this process evaluates. */
export function digestsOf({ ruleSet, configurationDigest, selection, publish }: RunOptions): RunDigests {
  const scope = scopeOfSelection(selection)
  return defined({
    rules: ruleSet.digest,
    configuration: configurationDigest,
    tool_version: VERSION,
    scope: scope?.digest,
    publish: publish === 'all' ? undefined : publish,
  })
}

/** Descriptions of the digests for messages. */
const DIGEST_NAMES: Record<keyof RunDigests, string> = {
  rules: 'other rule packs',
  configuration: 'another configuration',
  tool_version: 'another version of rapidrmf',
  scope: 'another selection of systems or controls',
  publish: 'another results.publish',
  controls: 'another set of controls (a catalog, a baseline or requirements changed since)',
}

/** Throws an InputError if this attempt would evaluate something else than the run does. */
export function refuseDigests(run: JobRun, mine: RunDigests): void {
  const different = differences(run, mine)
  if (different === '') return
  throw new InputError(
    `run ${run.id} (key ${run.run_key}) was started with ${different}; ` +
      'all attempts at a run must evaluate the same thing: restore what it was started with, or start a new run with another run key (--run-key, or --schedule of "scheduler start")',
  )
}

/** Warns if a run that is only reported was made with other inputs than those configured here. */
export function warnOfDifferences(run: JobRun, options: RunOptions): void {
  const different = differences(run, digestsOf(options))
  if (different === '') return
  const message = `run ${run.id} (key ${run.run_key}) succeeded with ${different}; what is configured here was not validated`
  options.observer?.({ type: 'warning', message })
}

/** Describes the digests in which the run differs from this process; empty if there are none. */
function differences(run: JobRun, mine: RunDigests): string {
  const theirs = (run.attributes?.['digests'] ?? {}) as Partial<RunDigests>
  // A run without a selection has no such digest, which is a difference, too; so it is for what is published.
  const keys = [...new Set([...Object.keys(mine), 'scope', 'publish'])] as (keyof RunDigests)[]
  const different = keys.filter((key) => theirs[key] !== mine[key])
  return different.map((key) => DIGEST_NAMES[key]).join(' and ')
}
