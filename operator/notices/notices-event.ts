import { sha256Hex } from '../../common/sha256.ts'
import { cloudEvent } from '../../common/webhook/cloud-event.ts'
import type { CloudEvent } from '../../common/webhook/cloud-event.ts'
import type { CachedSchedule } from '../cache/projections.ts'
import type { ScheduleNotice } from '../plan/status/notices.ts'

type Of = Pick<CachedSchedule, 'namespace' | 'name' | 'uid' | 'spec'>

/** The id of a notice, equal for the same occurrence, whichever replica sends it. */
export function noticeId({ uid }: Pick<Of, 'uid'>, { type, dedupKey }: ScheduleNotice): string {
  return sha256Hex(JSON.stringify([uid, type, dedupKey])).slice(0, 32)
}

/** The CloudEvent of a notice. `run` has the fields of the notices of runs, as far as they are known. */
export function noticeEvent(schedule: Of, notice: ScheduleNotice): CloudEvent {
  const { namespace, name, uid, spec } = schedule
  const { type, subject, reason, message, since, run } = notice
  return cloudEvent({
    source: ['namespaces', namespace, 'schedules', name],
    id: noticeId(schedule, notice),
    type,
    subject,
    time: since,
    data: {
      reason,
      message,
      schedule: { namespace, name, uid, environment: spec.environment },
      run:
        run === undefined
          ? null
          : {
              run_id: null,
              run_key: run.jobUID,
              job: run.job,
              environment: spec.environment,
              verdict: run.verdict ?? null,
              reason,
              message,
              started_at: run.startTime ?? null,
              finished_at: run.completionTime ?? null,
              schedule: name,
              slot_at: run.scheduledTime ?? null,
            },
    },
  })
}
