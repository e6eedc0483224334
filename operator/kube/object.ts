/**
 * The common part of every Kubernetes object. Other fields stay as the API server sent them: times are strings,
 * unknown fields are kept.
 */
export type KubeObject = {
  /** Absent on the items of a list. */
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

export type ObjectMeta = {
  readonly name: string
  readonly namespace?: string | undefined
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
  readonly managedFields?: readonly ManagedFields[]
}

export type OwnerReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export type ManagedFields = {
  readonly manager?: string
  readonly operation?: string
  readonly subresource?: string
  /** Absent on entries from before managers were recorded. */
  readonly time?: string
  readonly fieldsV1?: Readonly<Record<string, unknown>>
}

/** A resource as the API's paths name it; the core group is ''. */
export type Resource = { readonly group: string; readonly version: string; readonly plural: string }

export const RESOURCES = {
  schedules: { group: 'rapidrmf.io', version: 'v1alpha1', plural: 'validationschedules' },
  cronJobs: { group: 'batch', version: 'v1', plural: 'cronjobs' },
  jobs: { group: 'batch', version: 'v1', plural: 'jobs' },
  pods: { group: '', version: 'v1', plural: 'pods' },
  events: { group: 'events.k8s.io', version: 'v1', plural: 'events' },
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  namespaces: { group: '', version: 'v1', plural: 'namespaces' },
} as const satisfies Record<string, Resource>

export type Location = {
  readonly namespace?: string | undefined
  readonly name?: string
  readonly subresource?: 'status'
}

export function pathOf(resource: Resource, { namespace, name, subresource }: Location = {}): string {
  const { group, version, plural } = resource
  const parts = [
    ...(group === '' ? ['api', version] : ['apis', group, version]),
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ]
  return `/${parts.map(encodeURIComponent).join('/')}`
}

/** Builds "namespace/name", the key of an object in stores and the queue. */
export function keyOf({ namespace = '', name }: { namespace?: string | undefined; name: string }): string {
  return `${namespace}/${name}`
}

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Returns the owner reference with `controller: true`, if any. */
export function controllerOf({ metadata }: Pick<KubeObject, 'metadata'>): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)
}

/** Returns the UID of the reference if it names this API group and kind, in any version of the group. */
export function uidOf(
  reference: OwnerReference | undefined,
  group: string,
  kind: string,
): string | undefined {
  return reference?.kind === kind && reference.apiVersion.startsWith(`${group}/`) ? reference.uid : undefined
}

/**
 * Compares two versions; negative if `a` is older. Versions of one resource are etcd revisions: growing decimal
 * numbers (promised by the API since 1.35, true since 1.0) that are too long for a JavaScript number. Returns
 * undefined for any other text, which has no order.
 */
export function compareVersions(a: string, b: string): number | undefined {
  if (a === b) return 0
  if (!/^[1-9]\d*$/.test(a) || !/^[1-9]\d*$/.test(b)) return undefined
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : 1
}
