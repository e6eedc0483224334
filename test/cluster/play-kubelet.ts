// The test cluster has no node. A test patches the status of pods like a kubelet, and the real Job controller reacts.
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import type {
  V1Container,
  V1ContainerState,
  V1ContainerStatus,
  V1Job,
  V1Pod,
  V1PodStatus,
} from '@kubernetes/client-node'
import { hasCode } from '../../scripts/control-plane/client.ts'
import type { Client } from '../../scripts/control-plane/client.ts'
import { until } from '../../scripts/control-plane/until.ts'

export type Ending = {
  readonly exitCode: number
  /** The content of the termination message file. */
  readonly message?: string
  /** The reason, such as `OOMKilled`; by default that of the exit code. */
  readonly reason?: string
  /** The termination messages of the other containers. If given, all of them have ended successfully. */
  readonly others?: string
  /** A container that is not in the template, and keeps running after the others. */
  readonly injected?: string
}

export type Kubelet = {
  /** Waits for a running pod of the Job; the newest, if there are several. */
  podOf(job: string): Promise<V1Pod>
  /** Waits for `count` running pods of the Job; returns them by index. */
  podsOf(job: string, count: number): Promise<V1Pod[]>
  running(pod: V1Pod): Promise<V1Pod>
  /** Ends the container; exit code 0 makes the pod Succeeded, any other Failed. */
  ended(pod: V1Pod, ending: Ending): Promise<V1Pod>
  /** Ends the job's container while the other containers of the pod, sidecars included, keep running. */
  containerEnded(pod: V1Pod, ending: Ending): Promise<V1Pod>
  /** Reports that the container does not start: `ImagePullBackOff`, `CreateContainerConfigError`, … */
  waiting(pod: V1Pod, reason: string, message: string): Promise<V1Pod>
  /** Reports, like the scheduler, that no node is suitable. */
  unschedulable(pod: V1Pod, message: string): Promise<V1Pod>
  /** Fails the pod before its containers have a status: the node rejects or evicts it. */
  rejected(pod: V1Pod, reason: string, message: string): Promise<V1Pod>
  /** Evicts, preempts or drains: the pod fails with the condition that podFailurePolicy can ignore. */
  disrupted(pod: V1Pod, reason: string): Promise<V1Pod>
  /** Plays a whole run: the pod starts and ends, and the Job controller finishes the Job. */
  finish(job: string, ending: Ending): Promise<V1Job>
}

export function playKubelet({ core, batch }: Client, namespace: string): Kubelet {
  const patchStatus = async (pod: V1Pod, status: V1PodStatus): Promise<V1Pod> =>
    core.patchNamespacedPodStatus(
      { namespace, name: nameOf(pod), body: { status } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    )
  const alive = async (job: string): Promise<V1Pod[]> => {
    const labelSelector = `batch.kubernetes.io/job-name=${job}`
    const { items } = await core.listNamespacedPod({ namespace, labelSelector })
    return items.filter(
      ({ status, metadata }) => !hasEnded(status) && metadata?.deletionTimestamp === undefined,
    )
  }
  const podOf = (job: string): Promise<V1Pod> =>
    until(`a pod of Job ${namespace}/${job}`, async () =>
      (await alive(job)).sort((a, b) => createdAt(b) - createdAt(a)).at(0),
    )
  const running = (pod: V1Pod): Promise<V1Pod> =>
    patchStatus(pod, {
      phase: 'Running',
      startTime: new Date(),
      conditions: [condition('PodScheduled', 'True'), condition('Ready', 'True')],
      containerStatuses: everyContainer(pod, { running: { startedAt: new Date() } }, true),
    })
  const ended = (pod: V1Pod, ending: Ending): Promise<V1Pod> =>
    patchStatus(pod, {
      phase: ending.exitCode === 0 ? 'Succeeded' : 'Failed',
      conditions: [condition('Ready', 'False')],
      containerStatuses: everyContainer(pod, terminated(ending), false, othersEnd(ending)),
    })
  return {
    podOf,
    podsOf: (job, count) =>
      until(`${count} pods of Job ${namespace}/${job}`, async () => {
        const pods = await alive(job)
        return pods.length === count ? pods.sort((a, b) => indexOf(a) - indexOf(b)) : undefined
      }),
    running,
    ended,
    containerEnded: (pod, ending) => {
      const going = { running: { startedAt: new Date() } }
      const sidecars = (pod.spec?.initContainers ?? []).filter(
        ({ restartPolicy }) => restartPolicy === 'Always',
      )
      return patchStatus(pod, {
        phase: 'Running',
        conditions: [condition('Ready', 'False')],
        initContainerStatuses: statusesOf(sidecars, () => going, true),
        containerStatuses: [
          ...everyContainer(pod, terminated(ending), false, going),
          ...statusesOf(ending.injected === undefined ? [] : [{ name: ending.injected }], () => going, true),
        ],
      })
    },
    waiting: (pod, reason, message) =>
      patchStatus(pod, {
        phase: 'Pending',
        conditions: [condition('PodScheduled', 'True'), condition('Ready', 'False')],
        containerStatuses: everyContainer(pod, { waiting: { reason, message } }),
      }),
    unschedulable: (pod, message) =>
      patchStatus(pod, {
        phase: 'Pending',
        conditions: [{ ...condition('PodScheduled', 'False'), reason: 'Unschedulable', message }],
      }),
    rejected: (pod, reason, message) => patchStatus(pod, { phase: 'Failed', reason, message }),
    disrupted: (pod, reason) =>
      patchStatus(pod, {
        phase: 'Failed',
        conditions: [{ ...condition('DisruptionTarget', 'True'), reason }],
        containerStatuses: everyContainer(pod, terminated({ exitCode: 143 })),
      }),
    finish: async (job, ending) => {
      await ended(await running(await podOf(job)), ending)
      return until(`the end of Job ${namespace}/${job}`, async () => {
        const found = await batch.readNamespacedJob({ namespace, name: job }).catch(unlessGone)
        return found === undefined || hasConcluded(found) ? found : undefined
      })
    },
  }
}

/** The final conditions of a Job. FailureTarget and SuccessCriteriaMet come earlier, while the Job still has pods. */
export function hasConcluded(job: V1Job): boolean {
  return (job.status?.conditions ?? []).some(
    ({ type, status }) => ['Complete', 'Failed'].includes(type) && status === 'True',
  )
}

function hasEnded(status: V1PodStatus | undefined): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function unlessGone(error: unknown): undefined {
  if (!hasCode(error, 404)) throw error
}

function nameOf({ metadata }: V1Pod): string {
  return metadata?.name ?? ''
}

function createdAt({ metadata }: V1Pod): number {
  return metadata?.creationTimestamp?.getTime() ?? 0
}

/** The index of a pod of an Indexed Job. */
function indexOf({ metadata }: V1Pod): number {
  return Number(metadata?.annotations?.['batch.kubernetes.io/job-completion-index'])
}

function condition(type: string, status: 'True' | 'False'): { type: string; status: string } {
  return { type, status }
}

function terminated({ exitCode, message, reason }: Ending): ContainerState {
  const now = new Date()
  return {
    terminated: {
      exitCode,
      reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
      startedAt: now,
      finishedAt: now,
      ...(message !== undefined && { message }),
    },
  }
}

/** Sets one state of a container and removes the others, which a strategic merge would keep. */
type ContainerState = { readonly [state in keyof V1ContainerState]: V1ContainerState[state] | null }

function othersEnd({ others }: Ending): ContainerState | undefined {
  return others === undefined ? undefined : terminated({ exitCode: 0, message: others })
}

function everyContainer(
  pod: V1Pod,
  state: ContainerState,
  ready = false,
  ofOthers = state,
): V1ContainerStatus[] {
  return statusesOf(pod.spec?.containers ?? [], (index) => (index === 0 ? state : ofOthers), ready)
}

function statusesOf(
  containers: readonly V1Container[],
  stateOf: (index: number) => ContainerState,
  ready: boolean,
): V1ContainerStatus[] {
  return containers.map(({ name, image = '' }, index) => ({
    name,
    image,
    imageID: '',
    ready,
    started: ready,
    restartCount: 0,
    state: only(stateOf(index)),
  }))
}

function only(state: ContainerState): V1ContainerState {
  return { waiting: null, running: null, terminated: null, ...state } as V1ContainerState
}
