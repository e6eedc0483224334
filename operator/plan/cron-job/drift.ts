import type { CronJobStatus } from '../../../crds/validation-schedule.ts'
import { digestOf } from '../../values/digest.ts'
import type { KubeObject } from '../../kube/object.ts'
import type { CachedCronJob, CachedSchedule } from '../../cache/projections.ts'

/** What is known of the last write of the CronJob: what was sent, and what the API server made of it. */
export type LastWrite = Pick<CronJobStatus, 'uid' | 'sentHash' | 'storedHash'>

/** Why a CronJob must be written, and in which words to report it. */
export type Drift = {
  /** The schedule or the operator asks for something else; somebody has changed it; it was not this schedule's. */
  readonly why: 'updated' | 'repaired' | 'adopted'
  readonly difference: string
}

/**
 * What sets a CronJob apart from the one that the schedule asks for. Its spec is right if it is what the API server
 * returned when this very spec was sent: so whatever the server fills in or leaves out is no difference, and zero,
 * false and a field that is gone are one. Where that answer is not known (a crash between two writes, an earlier
 * release, an API server with other defaults) the CronJob is written once, and it is.
 */
export function driftOf(
  desired: KubeObject,
  live: CachedCronJob,
  schedule: CachedSchedule,
  written: LastWrite | undefined,
): Drift | undefined {
  if (live.controller?.uid !== schedule.uid && live.uid !== written?.uid) {
    return { why: 'adopted', difference: 'it had no schedule that exists' }
  }
  if (written?.sentHash !== digestOf(desired['spec'])) {
    return { why: 'updated', difference: updateReason(schedule, written) }
  }
  if (written.storedHash !== live.specHash) {
    return {
      why: 'repaired',
      difference: `its spec was changed, and it was last written by ${live.lastManager}`,
    }
  }
  const difference = metadataDifference(desired, live)
  return difference === undefined ? undefined : { why: 'repaired', difference }
}

function updateReason({ generation, status }: CachedSchedule, written: LastWrite | undefined): string {
  if (written?.sentHash === undefined) return 'the status does not say what was written last'
  return generation === status.observedGeneration
    ? 'the operator, or its configuration, is a new one'
    : `generation ${generation} of the schedule`
}

function metadataDifference({ metadata }: KubeObject, live: CachedCronJob): string | undefined {
  const hasOwner = metadata.ownerReferences?.every(({ uid }) =>
    live.ownerReferences.some((owner) => owner.uid === uid && owner.controller === true),
  )
  return (
    missing('metadata.labels', metadata.labels, live.labels) ??
    missing('metadata.annotations', metadata.annotations, live.annotations) ??
    (hasOwner === true ? undefined : 'metadata.ownerReferences')
  )
}

type Texts = Readonly<Record<string, string>>

function missing(path: string, wanted: Texts = {}, found: Texts): string | undefined {
  const key = Object.keys(wanted).find((name) => found[name] !== wanted[name])
  return key === undefined ? undefined : `${path}.${key}`
}
