import { defined } from '../../common/defined.ts'
import { randomUUID } from 'node:crypto'
import type { RunCounts, RunSummary, Verdict } from '../../crds/run-summary.ts'
import { metricOf } from '../db/runs/job-runs.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { InputError, InterruptedError } from '../errors.ts'
import { storedScope } from '../selection/scope.ts'
import { reuseRecord } from './reuse.ts'
import { isoTimestamp } from '../time.ts'
import { plural } from '../plural.ts'

const MAX_NAME = 255

/** A random run key, for a run without a given one. */
export function newRunKey(): string {
  return randomUUID()
}

/** The summary of a run's row. */
export function summaryOf(run: JobRun): RunSummary {
  const counts = countsFromMetrics(run)
  const verdict = run.verdict ?? 'Errored'
  const scope = storedScope(run.attributes)
  const reuse = reuseRecord(run)
  return defined({
    version: 1,
    runKey: run.run_key ?? '',
    runId: run.id,
    environment: run.environment,
    final: run.status !== 'running',
    status: run.status as RunSummary['status'],
    verdict,
    reason: reasonOf(verdict, counts),
    message: messageOf(run, verdict, counts),
    startedAt: isoTimestamp(run.started_at),
    finishedAt: isoTimestamp(run.finished_at),
    counts,
    scope: scope && { digest: scope.digest, text: scope.text },
    carried: reuse?.carried,
  })
}

/**
 * The summary of a process that could not complete its run. `left` is the state of the run when the attempt ended;
 * without it, the summary holds the reason only.
 */
export function failureSummary(
  runKey: string,
  environment: string,
  error: Error,
  left: RunSummary | undefined,
): RunSummary {
  if (left !== undefined) return { ...left, reason: failureReason(error), message: error.message }
  return {
    version: 1,
    // The key may have been refused for its length; the summary has a limit of its own.
    runKey: runKey.slice(0, MAX_NAME),
    runId: null,
    environment: environment.slice(0, MAX_NAME),
    final: false,
    status: 'failed',
    verdict: 'Errored',
    reason: failureReason(error),
    message: error.message,
    startedAt: null,
    finishedAt: null,
    counts: countsFromMetrics({ metrics: {} }),
  }
}

function failureReason(error: Error): string {
  if (error instanceof InputError) return 'InvalidInput'
  return error instanceof InterruptedError ? 'Interrupted' : 'RunBroke'
}

function countsFromMetrics(run: Pick<JobRun, 'metrics'>): RunCounts {
  const number = (key: string): number => metricOf(run, key)
  const notPass = number('fail') + number('insufficient_evidence') + number('unknown')
  return {
    systems: number('systems'),
    controls: number('controls'),
    results: number('results_saved'),
    pass: number('pass'),
    notPass,
    fail: number('fail'),
    insufficientEvidence: number('insufficient_evidence'),
    unknown: number('unknown'),
    errors: number('errors'),
  }
}

function reasonOf(verdict: Verdict, counts: RunCounts): string {
  if (verdict === 'Passed') return 'AllControlsPassed'
  if (verdict === 'Findings') return 'ControlsNotPassed'
  if (verdict === 'Errored') return 'RunBroke'
  if (counts.systems === 0) return 'NoSystems'
  return counts.controls === 0 ? 'NoControls' : 'NotEvaluated'
}

function messageOf(run: JobRun, verdict: Verdict, counts: RunCounts): string {
  if (verdict === 'Errored') return run.error ?? 'the run is not finished'
  if (counts.systems === 0 || counts.controls === 0) return emptyMessage(run, counts)
  const stored = storedScope(run.attributes)
  const scope =
    `${plural(counts.systems, 'system')}, ${plural(counts.controls, 'control')}` +
    (stored === undefined ? '' : `; scope: ${stored.text}`)
  if (verdict === 'Passed') return `all ${plural(counts.results, 'result')} pass (${scope})`
  const findings = `${counts.notPass} of ${plural(counts.results, 'result')} are not pass (${scope})`
  if (verdict === 'Findings') return findings
  return `${counts.errors} of the systems or controls could not be evaluated; ${findings}; "rapidrmf runs show ${run.id}" names them`
}

function emptyMessage({ environment, attributes }: JobRun, counts: RunCounts): string {
  const { systems, controls } = storedScope(attributes)?.selection ?? {}
  if (counts.systems === 0 && systems !== undefined) return allowedEmpty('system')
  if (counts.controls === 0 && controls !== undefined) return allowedEmpty('active control')
  if (counts.systems === 0) {
    return `environment "${environment}" has no systems; add them with "rapidrmf inventory apply", or check the environment's name`
  }
  return 'the database has no active controls; load a catalog with "rapidrmf catalog import"'
}

function allowedEmpty(noun: string): string {
  return `the selection matches no ${noun}, which allowEmpty permits: nothing was validated`
}
