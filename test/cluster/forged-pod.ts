// Forged pods: a person who may create pods in the namespace claims that one is a pod of a Job.
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
  /** The UID in the label that the operator's watches select. */
  readonly scheduleUid: string
  /** True for a finalizer that keeps the pod when the Job controller deletes it as surplus. Release it at the end. */
  readonly held?: boolean
  /** The controller; by default there is none. */
  readonly controller?: Owner
  /** The termination message of the container. */
  readonly message: string
}

const HELD = 'example.com/held'

/** Creates a pod with all labels of the Job's own pods. */
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

/** Keeps a pod and its termination message, also when the Job controller deletes it as surplus. */
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
