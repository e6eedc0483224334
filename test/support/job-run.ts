import type { JobRun } from '../../job-image/db/runs/job-runs.ts'

/** A row of a run that found nothing: 2 systems, 3 controls, 6 results that pass. */
export function jobRun(changes: Partial<JobRun> = {}): JobRun {
  return {
    id: 7,
    job_type: 'validation',
    environment: 'production',
    status: 'success',
    started_at: '2026-11-24 02:00:00.5',
    finished_at: '2026-11-24 02:01:00',
    error: null,
    metrics: {
      systems: 2,
      controls: 3,
      results_saved: 6,
      errors: 0,
      pass: 6,
      fail: 0,
      insufficient_evidence: 0,
      unknown: 0,
    },
    attributes: {},
    run_key: 'nightly-1',
    schedule_uid: null,
    schedule: null,
    slot_at: null,
    verdict: 'Passed',
    reference_time: '2026-11-24 02:00:00.5',
    planned_at: '2026-11-24 02:00:01',
    ...changes,
  }
}
