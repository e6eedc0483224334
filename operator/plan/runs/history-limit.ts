import type { CachedJob, CachedSchedule, JobEnd } from '../../cache/projections.ts'

/**
 * Jobs of run requests beyond the history limits. The CronJob controller prunes its own Jobs. Only ended Jobs that
 * are in the status may be deleted, because their pods are deleted with them.
 */
export function jobsToPrune(
  { uid, spec }: CachedSchedule,
  jobs: readonly CachedJob[],
  unreported: ReadonlySet<string>,
): readonly CachedJob[] {
  const limits: Record<JobEnd['type'], number> = {
    Complete: spec.successfulJobsHistoryLimit,
    Failed: spec.failedJobsHistoryLimit,
  }
  const requested = jobs.filter(
    (job) => job.controller?.uid === uid && !job.deleting && job.end !== undefined,
  )
  return (['Complete', 'Failed'] as const).flatMap((type) =>
    requested
      .filter(({ end }) => end?.type === type)
      .toSorted((a, b) => (b.end?.at ?? '').localeCompare(a.end?.at ?? '') || b.name.localeCompare(a.name))
      .slice(limits[type])
      .filter((job) => !unreported.has(job.uid)),
  )
}
