// What a person of the namespace can do who may create pods: claim to be a pod of a Job.
import type { V1Pod } from '@kubernetes/client-node'
import { JOB_NAME_LABEL, JOB_UID_LABEL } from '../../crds/names.ts'
import { JOB_CONTAINER } from '../../operator/cache/projections.ts'
import type { TestNamespace } from './namespace.ts'

export type Owner = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
}

export type Forgery = {
  readonly name: string
  readonly job: { readonly job: string; readonly uid: string }
  /** The UID that the operator's watches select by. */
  readonly scheduleUid: string
  /** Kept by a finalizer when the Job controller deletes it as one pod too many; to be released in the end. */
  readonly held?: boolean
  /** Its controller; none if it is left out. */
  readonly controller?: Owner
  /** What its container says when it has ended. */
  readonly message: string
}

const HELD = 'example.com/held'

/** Makes a pod with every label of the Job's own pods. */
export async function forgePod(
  { name: namespace, admin, kubelet }: TestNamespace,
  { name, job, scheduleUid, held = false, controller, message }: Forgery,
): Promise<V1Pod> {
  const pod = await admin.core.createNamespacedPod({
    namespace,
    body: {
      metadata: {
        name,
        ...(held && { finalizers: [HELD] }),
        labels: {
          'app.kubernetes.io/managed-by': 'rapidrmf-operator',
          'rapidrmf.io/schedule-uid': scheduleUid,
          [JOB_UID_LABEL]: job.uid,
          [JOB_NAME_LABEL]: job.job,
        },
        ...(controller && { ownerReferences: [{ ...controller, controller: true }] }),
      },
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: JOB_CONTAINER, image: 'registry.example/forger' }],
      },
    },
  })
  return kubelet.ended(pod, { exitCode: 0, message })
}

/** Keeps a pod and what it said, also when the Job controller deletes it as one pod too many. */
export async function holdPod({ name: namespace, admin }: TestNamespace, pod: V1Pod): Promise<void> {
  const name = pod.metadata?.name ?? ''
  const body = [{ op: 'add', path: '/metadata/finalizers/-', value: HELD }]
  await admin.core.patchNamespacedPod({ namespace, name, body })
}

export async function releasePod({ name: namespace, admin }: TestNamespace, pod: V1Pod): Promise<void> {
  const name = pod.metadata?.name ?? ''
  const body = [{ op: 'remove', path: '/metadata/finalizers' }]
  await admin.core.patchNamespacedPod({ namespace, name, body })
}
