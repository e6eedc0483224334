import { API_VERSION, KIND } from '../../crds/validation-schedule.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { CachedSchedule } from '../cache/projections.ts'
import type { PlannedEvent } from '../plan/status/events.ts'

/** Records the planned events with the schedule as their regarding object. */
export function recordEvents(
  recorder: Pick<EventRecorder, 'record'>,
  { namespace, name, uid }: CachedSchedule,
  events: readonly PlannedEvent[],
): void {
  for (const event of events) {
    recorder.record({ ...event, regarding: { apiVersion: API_VERSION, kind: KIND, namespace, name, uid } })
  }
}
