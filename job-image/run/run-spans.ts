import type { RunSummary } from '../../crds/run-summary.ts'
import type { BatchResult } from './batch.ts'
import type { RunRequest } from './request.ts'

/** The run as a span, where it is traced: what it is, what became of it, and in it everything that was done. */
export function tracedRun(
  request: RunRequest,
  execute: (request: RunRequest) => Promise<RunSummary>,
): Promise<RunSummary> {
  const { tracing, environment, runKey, schedule, triggeredBy, observer } = request
  if (tracing === undefined) return execute(request)
  const known = {
    'rapidrmf.run.key': runKey,
    'rapidrmf.environment': environment,
    'rapidrmf.schedule': schedule?.name,
    'rapidrmf.slot': schedule?.slotAt,
    'rapidrmf.triggered_by': triggeredBy,
  }
  return tracing.span('run', known, async (note) => {
    const summary = await execute({
      ...request,
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

/** One batch as a span, where the run is traced. */
export function tracedBatch(
  { tracing }: Pick<RunRequest, 'tracing'>,
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
