import { z } from 'zod'
import { RESERVED_ENV, RESERVED_VOLUME_PREFIX } from './names.ts'
import {
  MAX_INT32,
  annotationMap,
  dnsLabel,
  int32,
  int64,
  labelMap,
  objectName,
  passThrough,
  quantity,
  withRules,
} from './schema-parts.ts'

/*
 * The settings of a schedule's Jobs and pods. Parts of Kubernetes' own API are typed one level deep, so that a
 * misspelt field is refused or pruned, and passed through below that: the API server validates them with the CronJob.
 */

const text = (max = 253): z.ZodString => z.string().max(max)

const localObject = z.object({ name: objectName() })
const optionalObject = z.object({ name: objectName(), optional: z.boolean().optional() })

const envName = withRules(z.string().min(1).max(253), [
  `!(self in [${RESERVED_ENV.map((name) => `'${name}'`).join(', ')}])`,
  `${RESERVED_ENV.join(', ')} describe the run to the job and are set by the operator; leave them out`,
])

const envVar = withRules(
  z.object({
    name: envName,
    value: z.string().max(32_768).optional(),
    valueFrom: passThrough().optional(),
  }),
  ['!(has(self.value) && has(self.valueFrom))', 'has both value and valueFrom; keep one of them'],
)

const envFromSource = withRules(
  z.object({
    prefix: text().optional(),
    configMapRef: optionalObject.optional(),
    secretRef: optionalObject.optional(),
  }),
  [
    'has(self.configMapRef) != has(self.secretRef)',
    'needs exactly one of configMapRef and secretRef; name the ConfigMap or the Secret to take variables from',
  ],
)

const volume = z.looseObject({
  name: withRules(dnsLabel(), [
    `!self.startsWith('${RESERVED_VOLUME_PREFIX}')`,
    `volumes whose names begin with ${RESERVED_VOLUME_PREFIX} are the operator's; choose another name`,
  ]),
})

const volumeMount = z.object({
  name: dnsLabel(),
  mountPath: z.string().min(1).max(4096),
  subPath: text(4096).optional(),
  subPathExpr: text(4096).optional(),
  readOnly: z.boolean().optional(),
  recursiveReadOnly: text().optional(),
  mountPropagation: text().optional(),
})

const resources = z.object({
  limits: z.record(z.string(), quantity).meta({ maxProperties: 32 }).optional(),
  requests: z.record(z.string(), quantity).meta({ maxProperties: 32 }).optional(),
  claims: z
    .array(z.object({ name: text(), request: text().optional() }))
    .max(16)
    .optional(),
})

const toleration = z.object({
  key: text(317).optional(),
  operator: text().optional(),
  value: text().optional(),
  effect: text().optional(),
  tolerationSeconds: int64().optional(),
})

const affinity = z.object({
  nodeAffinity: passThrough().optional(),
  podAffinity: passThrough().optional(),
  podAntiAffinity: passThrough().optional(),
})

const topologySpreadConstraint = z.object({
  maxSkew: int32(),
  topologyKey: text(317),
  whenUnsatisfiable: text(),
  labelSelector: passThrough().optional(),
  minDomains: int32().optional(),
  nodeAffinityPolicy: text().optional(),
  nodeTaintsPolicy: text().optional(),
  matchLabelKeys: z.array(text(317)).max(32).optional(),
})

const podSecurityContext = z.object({
  runAsUser: int64().optional(),
  runAsGroup: int64().optional(),
  runAsNonRoot: z.boolean().optional(),
  fsGroup: int64().optional(),
  fsGroupChangePolicy: text().optional(),
  supplementalGroups: z.array(int64()).max(64).optional(),
  supplementalGroupsPolicy: text().optional(),
  seLinuxOptions: passThrough().optional(),
  seLinuxChangePolicy: text().optional(),
  seccompProfile: passThrough().optional(),
  appArmorProfile: passThrough().optional(),
  sysctls: z
    .array(z.object({ name: text(), value: text() }))
    .max(64)
    .optional(),
  windowsOptions: passThrough().optional(),
})

const byName = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }

export const podSettingsSchema = z.object({
  image: withRules(z.string().min(1).max(1024), [
    String.raw`!self.matches('\\s')`,
    'an image reference holds no spaces or line breaks',
  ])
    .optional()
    .describe("The job's image. Default: the one that the operator was started with."),
  imagePullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'])
    .optional()
    .describe("When the node pulls the image. Default: Kubernetes decides by the image's tag."),
  imagePullSecrets: z.array(localObject).max(16).optional().describe('Secrets for the registry.'),
  serviceAccountName: objectName()
    .optional()
    .describe('The pod runs as this service account, without its token. Default: `default`.'),
  labels: labelMap().optional().describe('Labels of the pod.'),
  annotations: annotationMap().optional().describe('Annotations of the pod.'),
  env: z
    .array(envVar)
    .max(100)
    .meta(byName)
    .optional()
    .describe(
      'Variables of the job, as in a container. A `DATABASE_URL` here gives way to `spec.database`; those with which the operator describes the run cannot be set.',
    ),
  envFrom: z
    .array(envFromSource)
    .max(32)
    .optional()
    .describe('ConfigMaps and Secrets whose keys become variables.'),
  volumes: z
    .array(volume)
    .max(32)
    .meta(byName)
    .optional()
    .describe(`More volumes. Names that begin with \`${RESERVED_VOLUME_PREFIX}\` are the operator's.`),
  volumeMounts: z
    .array(volumeMount)
    .max(32)
    .optional()
    .describe('Where the job sees them: rule packs, catalogs, a CA bundle.'),
  resources: resources
    .optional()
    .describe("Requests and limits of the job's container. The heap of Node follows the memory limit."),
  nodeSelector: z
    .record(z.string(), text(63))
    .meta({ maxProperties: 32 })
    .optional()
    .describe('Labels that the node must have.'),
  tolerations: z.array(toleration).max(32).optional().describe('Taints that the pod tolerates.'),
  affinity: affinity.optional().describe('Affinity to nodes and pods.'),
  topologySpreadConstraints: z
    .array(topologySpreadConstraint)
    .max(16)
    .optional()
    .describe('How pods spread over zones and nodes.'),
  priorityClassName: objectName().optional().describe('PriorityClass of the pod.'),
  runtimeClassName: objectName().optional().describe('RuntimeClass of the pod.'),
  securityContext: podSecurityContext
    .optional()
    .describe(
      "Adds to, or overrides, the pod's security context, which without it meets Pod Security `restricted`.",
    ),
})

export const jobSettingsSchema = z.object({
  labels: labelMap().optional().describe("Labels of the Job, such as Kueue's queue name."),
  annotations: annotationMap().optional().describe('Annotations of the Job.'),
  activeDeadlineSeconds: int32()
    .min(1)
    .max(MAX_INT32)
    .default(14_400)
    .describe('A run that takes longer, all tries and waiting for a node included, is ended.'),
  backoffLimit: int32()
    .min(0)
    .max(100)
    .default(2)
    .describe(
      'How often a run that broke is retried, for each of its workers. A retry continues where the last try stopped.',
    ),
  parallelism: int32()
    .min(1)
    .max(100)
    .default(1)
    .describe(
      'How many pods work on one run, each with its own share of the systems. More than one make the Job an Indexed one.',
    ),
  pod: podSettingsSchema.prefault({}).describe('The pod, where it is to differ from the default.'),
})

export type JobSettings = z.output<typeof jobSettingsSchema>
export type PodSettings = z.output<typeof podSettingsSchema>
