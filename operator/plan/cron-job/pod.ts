import { defined } from '../../../common/defined.ts'
import {
  JOB_NAME_LABEL,
  JOB_UID_LABEL,
  RESERVED_ENV,
  RESERVED_VOLUME_PREFIX,
} from '../../../crds/validation-schedule.ts'
import type { PodSettings } from '../../../crds/validation-schedule.ts'
import { JOB_CONTAINER } from '../../cache/projections.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import { heapOption } from './node-options.ts'
import { childLabels, childAnnotations } from './metadata.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'

const CONFIG_VOLUME = `${RESERVED_VOLUME_PREFIX}config`
const CONFIG_FOLDER = '/etc/rapidrmf'
const CONFIG_FILE = 'config.yaml'
/** Kubernetes' default, and the only writable file in a container with a read-only root. */
const SUMMARY_FILE = '/dev/termination-log'

/** A pod template as JSON. */
export type PodTemplate = {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly spec: Readonly<Record<string, unknown>>
}

/** The pod template of a run. It meets Pod Security "restricted" unless the schedule's securityContext differs. */
export function podTemplate(schedule: CachedSchedule, defaults: JobDefaults): PodTemplate {
  const { pod } = schedule.spec.job
  return {
    metadata: {
      labels: { ...pod.labels, ...childLabels(schedule) },
      annotations: { ...pod.annotations, ...childAnnotations(schedule) },
    },
    spec: defined({
      containers: [container(schedule, defaults)],
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      // Otherwise hundreds of variables would describe services that the job does not use.
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
        ...defined(pod.securityContext ?? {}),
      },
      imagePullSecrets: pod.imagePullSecrets,
      serviceAccountName: pod.serviceAccountName,
      nodeSelector: pod.nodeSelector,
      tolerations: pod.tolerations,
      affinity: pod.affinity,
      topologySpreadConstraints: pod.topologySpreadConstraints,
      priorityClassName: pod.priorityClassName,
      runtimeClassName: pod.runtimeClassName,
      volumes: [configVolume(schedule), ...(pod.volumes ?? [])],
    }),
  }
}

function container(schedule: CachedSchedule, defaults: JobDefaults): Record<string, unknown> {
  const { environment, job } = schedule.spec
  const { pod } = job
  return defined({
    name: JOB_CONTAINER,
    image: pod.image ?? defaults.image,
    imagePullPolicy: pod.imagePullPolicy ?? defaults.imagePullPolicy,
    // The image's entry point is the command line.
    args: [
      'scheduler',
      'once',
      '--config',
      `${CONFIG_FOLDER}/${CONFIG_FILE}`,
      // A single argument, because a name that begins with a dash would otherwise be parsed as a flag.
      `--env=${verbatim(environment)}`,
      '--summary-file',
      SUMMARY_FILE,
    ],
    env: environmentOf(schedule),
    envFrom: pod.envFrom,
    resources: pod.resources,
    volumeMounts: [
      { name: CONFIG_VOLUME, mountPath: CONFIG_FOLDER, readOnly: true },
      ...(pod.volumeMounts ?? []),
    ],
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    terminationMessagePath: SUMMARY_FILE,
    // FallbackToLogsOnError would copy log lines into the status.
    terminationMessagePolicy: 'File',
  })
}

type EnvVar = NonNullable<PodSettings['env']>[number]

/** The container's variables, the schedule's own first: `$(NAME)` refers to earlier ones. */
function environmentOf(schedule: CachedSchedule): EnvVar[] {
  const { spec } = schedule
  const set = [...identity(schedule), ...sources(schedule), ...database(schedule), ...runOptions(schedule)]
  const taken = new Set<string>([...RESERVED_ENV, ...set.map(({ name }) => name)])
  const given = (spec.job.pod.env ?? []).filter(({ name }) => !taken.has(name))
  const heap = heapOption(spec.job.pod.resources?.limits?.['memory'])
  const ours = heap === undefined || given.some(({ name }) => name === heap.name) ? [] : [heap]
  return [...given.map((variable) => defined(variable) as EnvVar), ...ours, ...set]
}

/** Variables that identify the run, which is one per Job, however many pods it takes. */
function identity({ uid, name, spec }: CachedSchedule): EnvVar[] {
  return [
    { name: 'RUN_KEY', valueFrom: podField(`metadata.labels['${JOB_UID_LABEL}']`) },
    { name: 'JOB_NAME', valueFrom: podField(`metadata.labels['${JOB_NAME_LABEL}']`) },
    { name: 'SCHEDULE_UID', value: uid },
    { name: 'SCHEDULE_NAME', value: name },
    { name: 'STARTING_DEADLINE_SECONDS', value: String(spec.startingDeadlineSeconds) },
  ]
}

/**
 * Names the sources of the configuration and the URL. Both references are optional, because a pod that waits for a
 * missing ConfigMap reports nothing for hours; the job itself reports what is missing.
 */
function sources({ spec: { config, database } }: CachedSchedule): EnvVar[] {
  const { configMapKeyRef, secretKeyRef } = config
  const configuration =
    configMapKeyRef === undefined
      ? sourceName('Secret', secretKeyRef)
      : sourceName('ConfigMap', configMapKeyRef)
  return [
    { name: 'CONFIG_SOURCE', value: configuration },
    ...(database === undefined
      ? []
      : [{ name: 'DATABASE_URL_SOURCE', value: sourceName('Secret', database.urlSecretKeyRef) }]),
  ]
}

function sourceName(
  kind: string,
  { name, key }: { readonly name: string; readonly key: string } = { name: '', key: '' },
): string {
  return verbatim(`${kind} "${name}", key "${key}"`)
}

function database({ spec: { database } }: CachedSchedule): EnvVar[] {
  if (database === undefined) return []
  const { name, key } = database.urlSecretKeyRef
  return [{ name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name, key, optional: true } } }]
}

/** Options of the run that override its configuration. */
function runOptions({ spec: { selection, incremental, fullEvery } }: CachedSchedule): EnvVar[] {
  return [
    ...(selection === undefined ? [] : [{ name: 'SELECTION', value: verbatim(JSON.stringify(selection)) }]),
    ...(incremental
      ? [
          { name: 'INCREMENTAL', value: 'true' },
          { name: 'FULL_EVERY', value: fullEvery },
        ]
      : []),
  ]
}

function podField(fieldPath: string): Record<string, unknown> {
  return { fieldRef: { apiVersion: 'v1', fieldPath } }
}

function configVolume({ spec: { config } }: CachedSchedule): Record<string, unknown> {
  const { configMapKeyRef, secretKeyRef } = config
  const items = (key: string) => ({ items: [{ key, path: CONFIG_FILE }], optional: true })
  if (configMapKeyRef !== undefined) {
    return { name: CONFIG_VOLUME, configMap: { name: configMapKeyRef.name, ...items(configMapKeyRef.key) } }
  }
  const { name = '', key = '' } = secretKeyRef ?? {}
  return { name: CONFIG_VOLUME, secret: { secretName: name, ...items(key) } }
}

/** Escapes `$(NAME)`, which Kubernetes expands in arguments and values. */
function verbatim(text: string): string {
  return text.replaceAll('$', '$$$$')
}
