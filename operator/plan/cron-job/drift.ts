import type { CronJobStatus } from '../../../crds/validation-schedule.ts'
import { digestOf } from '../../values/digest.ts'
import type { KubeObject } from '../../kube/object.ts'
import type { CachedCronJob, CachedSchedule } from '../../cache/projections.ts'

/** The last write of the CronJob: digests of the spec as sent and as stored by the API server. */
export type LastWrite = Pick<CronJobStatus, 'uid' | 'sentHash' | 'storedHash'>

/** Why a CronJob must be written, for the event. */
export type Drift = {
  /**
   * updated: the desired spec has changed; repaired: another writer changed the CronJob; adopted: it was not this
   * schedule's.
   */
  readonly why: 'updated' | 'repaired' | 'adopted'
  readonly difference: string
}

/**
 * Compares a CronJob with the desired one. Its spec is right if the API server returned it when this very spec was
 * sent, so defaults and omitted fields are no difference. If that response is unknown (a crash between two writes, an
 * earlier release, other defaults of the API server), the CronJob is written once.
 */
export function driftOf(
  desired: KubeObject,
  live: CachedCronJob,
  schedule: CachedSchedule,
  written: LastWrite | undefined,
): Drift | undefined {
  if (live.controller?.uid !== schedule.uid && live.uid !== written?.uid) {
    return { why: 'adopted', difference: 'its schedule no longer exists' }
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
    ? 'the operator or its configuration has changed'
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
