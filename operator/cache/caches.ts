import type { Logger } from 'pino'
import { MANAGED_BY, MANAGED_BY_LABEL, SCHEDULE_UID_LABEL } from '../../crds/validation-schedule.ts'
import type { Clock } from '../../common/clock.ts'
import type { KubeClient } from '../kube/client.ts'
import { RESOURCES, keyOf } from '../kube/object.ts'
import type { Change } from '../kube/reflector.ts'
import { ResourceCache } from '../kube/resource-cache.ts'
import { Store } from '../kube/store.ts'
import { projectCronJob, projectJob, projectPod, projectSchedule } from './projections.ts'
import type { CachedCronJob, CachedJob, CachedPod, CachedSchedule } from './projections.ts'
import { childName } from '../values/names.ts'

export type Caches = {
  readonly schedules: ResourceCache<CachedSchedule, 'uid' | 'child'>
  readonly cronJobs: ResourceCache<CachedCronJob>
  readonly jobs: ResourceCache<CachedJob, 'schedule' | 'owner'>
  readonly pods: ResourceCache<CachedPod, 'schedule'>
}

export type CachesOptions = {
  readonly client: KubeClient
  /** Undefined for all namespaces. */
  readonly namespaces: readonly string[] | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Called when access to some objects was granted or refused. */
  readonly onAccess?: () => void
  /** Called when an object of this schedule has changed. */
  readonly onChange: (scheduleKey: string) => void
}

/**
 * Ended pods are not cached: they are needed once, when their Job has ended, and are then read live. Cached, they
 * took a third of the operator's memory and of its start.
 */
const UNFINISHED = 'status.phase!=Succeeded,status.phase!=Failed'

/** Selects the objects of schedules by their labels. Jobs made with kubectl have these from the template. */
const OURS = `${MANAGED_BY_LABEL}=${MANAGED_BY},${SCHEDULE_UID_LABEL}`

export function createCaches({ onChange, ...options }: CachesOptions): Caches {
  const schedules: ScheduleStore = new Store({
    uid: (schedule) => [uidKey(schedule)],
    child: ({ namespace, name }) => [keyOf({ namespace, name: childName(name) })],
  })
  const jobs = new Store<CachedJob, 'schedule' | 'owner'>({
    schedule: (job) => [labelKey(job)],
    owner: ({ namespace, controller }) =>
      controller === undefined ? [] : [uidKey({ namespace, uid: controller.uid })],
  })
  const pods = new Store<CachedPod, 'schedule'>({ schedule: (pod) => [labelKey(pod)] })
  const changed = (affected: readonly CachedSchedule[]): void => {
    for (const schedule of affected) onChange(keyOf(schedule))
  }
  const ours = { ...options, labelSelector: OURS }
  return {
    schedules: new ResourceCache({
      ...options,
      resource: RESOURCES.schedules,
      store: schedules,
      project: projectSchedule,
      onChange: ({ key }) => onChange(key),
    }),
    cronJobs: new ResourceCache({
      ...ours,
      resource: RESOURCES.cronJobs,
      store: new Store<CachedCronJob>(),
      project: projectCronJob,
      // Finds the schedule by the CronJob's name, which cannot be edited. Owner and label may still be those of an
      // earlier schedule of this name.
      onChange: ({ key }) => changed([...schedules.by('child', key)]),
    }),
    jobs: new ResourceCache({
      ...ours,
      resource: RESOURCES.jobs,
      store: jobs,
      project: projectJob,
      onChange: (change) =>
        changed([...labelledSchedules(schedules, change), ...adopters(schedules, change)]),
    }),
    pods: new ResourceCache({
      ...ours,
      fieldSelector: UNFINISHED,
      resource: RESOURCES.pods,
      store: pods,
      project: projectPod,
      onChange: (change) => changed(labelledSchedules(schedules, change)),
    }),
  }
}

type ScheduleStore = Store<CachedSchedule, 'uid' | 'child'>

/** The schedules that the labels of an object name, before or after its change. */
function labelledSchedules(schedules: ScheduleStore, { before, after }: Change<Labelled>): CachedSchedule[] {
  const keys = [before, after].flatMap((object) => (object === undefined ? [] : [labelKey(object)]))
  return [...new Set(keys)].flatMap((key) => [...schedules.by('uid', key)])
}

/**
 * The schedules that have adopted the CronJob of a Job from an earlier schedule, which the Job's label still names. The
 * end of such a Job lets the next slot run.
 */
function adopters(schedules: ScheduleStore, { before, after }: Change<CachedJob>): CachedSchedule[] {
  const { namespace = '', controller, scheduleUid } = after ?? before ?? {}
  const child = keyOf({ namespace, name: controller?.name ?? '' })
  return [...schedules.by('child', child)].filter(({ uid }) => uid !== scheduleUid)
}

/** Index key of a schedule's Jobs and pods. It includes the namespace, because a label can name any UID. */
export function uidKey({ namespace, uid }: Pick<CachedSchedule, 'namespace' | 'uid'>): string {
  return keyOf({ namespace, name: uid })
}

type Labelled = { readonly namespace: string; readonly scheduleUid: string }

function labelKey({ namespace, scheduleUid }: Labelled): string {
  return uidKey({ namespace, uid: scheduleUid })
}
