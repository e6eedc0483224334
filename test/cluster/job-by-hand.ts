import { RESOURCES } from '../../operator/kube/object.ts'
import type { ObjectMeta } from '../../operator/kube/object.ts'
import { childName } from '../../operator/values/names.ts'
import type { Schedules } from './schedules.ts'

type PodSpec = { readonly containers: readonly object[]; readonly initContainers?: readonly object[] }
type JobTemplate = {
  readonly metadata: Pick<ObjectMeta, 'labels' | 'annotations'>
  readonly spec: { readonly template: { readonly spec: PodSpec } }
}

export type ByHand = {
  /** The controller, instead of the CronJob. */
  readonly ownerReferences?: ObjectMeta['ownerReferences']
  readonly labels?: ObjectMeta['labels']
  /** A second container, like that of a service mesh. */
  readonly container?: object
  /** An init container; with `restartPolicy: Always` a sidecar. */
  readonly initContainer?: object
}

/** The Job that `kubectl create job NAME --from=cronjob/…` makes from a schedule's CronJob, with the given changes. */
export async function createJobByHand(
  schedules: Schedules,
  schedule: string,
  name: string,
  { ownerReferences, labels, container, initContainer }: ByHand = {},
): Promise<{ readonly job: string; readonly uid: string }> {
  const { metadata, spec } = await schedules.cronJobOf(schedule)
  const template = spec['jobTemplate'] as JobTemplate
  const pod = template.spec.template
  const containers = [...pod.spec.containers, ...(container === undefined ? [] : [container])]
  const initContainers = [
    ...(pod.spec.initContainers ?? []),
    ...(initContainer === undefined ? [] : [initContainer]),
  ]
  const cronJob = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    name: childName(schedule),
    uid: metadata.uid ?? '',
  }
  const made = await schedules.client.create(RESOURCES.jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace: metadata.namespace,
      name,
      labels: { ...template.metadata.labels, ...labels },
      annotations: { ...template.metadata.annotations, 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: ownerReferences ?? [{ ...cronJob, controller: true }],
    },
    spec: { ...template.spec, template: { ...pod, spec: { ...pod.spec, containers, initContainers } } },
  })
  return { job: name, uid: made.metadata.uid ?? '' }
}
