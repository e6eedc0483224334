import type { RunSummary } from '../../crds/run-summary.ts'
import type { BatchResult } from './batch.ts'
import type { RunOptions } from './options.ts'

/** Executes a run within a span, if tracing is on: its attributes are the run's identity and its outcome. */
export function tracedRun(
  options: RunOptions,
  execute: (options: RunOptions) => Promise<RunSummary>,
): Promise<RunSummary> {
  const { tracing, environment, runKey, schedule, triggeredBy, observer } = options
  if (tracing === undefined) return execute(options)
  const known = {
    'rapidrmf.run.key': runKey,
    'rapidrmf.environment': environment,
    'rapidrmf.schedule': schedule?.name,
    'rapidrmf.slot': schedule?.slotAt,
    'rapidrmf.triggered_by': triggeredBy,
  }
  return tracing.span('run', known, async (note) => {
    const summary = await execute({
      ...options,
      observer: (event) => {
        if (event.type === 'opened') {
          const { runId, attempt, worker } = event
          note({ 'rapidrmf.run.id': runId, 'rapidrmf.run.attempt': attempt, 'rapidrmf.worker': worker })
        }
        observer?.(event)
      },
    })
    const { runId, status, verdict, counts } = summary
    note({
      'rapidrmf.run.id': runId,
      'rapidrmf.run.status': status,
      'rapidrmf.run.verdict': verdict,
      'rapidrmf.run.systems': counts.systems,
      'rapidrmf.run.controls': counts.controls,
      'rapidrmf.run.results': counts.results,
    })
    return summary
  })
}

/** Executes one batch within a span, if tracing is on. */
export function tracedBatch(
  { tracing }: Pick<RunOptions, 'tracing'>,
  work: () => Promise<BatchResult>,
): Promise<BatchResult> {
  if (tracing === undefined) return work()
  return tracing.span('batch', {}, async (note) => {
    const done = await work()
    note({
      'rapidrmf.batch.systems': done.systems,
      'rapidrmf.batch.results': done.results,
      'rapidrmf.batch.errors': done.errors.length,
    })
    return done
  })
}
