import { SPEC_HASH_ANNOTATION } from '../../crds/validation-schedule.ts'
import type { KubeObject } from '../kube/object.ts'
import type { CachedCronJob } from '../model.ts'
import { parseQuantity } from './quantity.ts'

/**
 * What sets a CronJob apart from the one that the schedule asks for: the first such field, or undefined. The API server
 * fills in defaults, so a field that only the live object has counts for something only if somebody else has written
 * to the spec, and if it is more than a default. One that was asked for and is not any more shows by the hash.
 */
export function firstDifference(desired: KubeObject, live: CachedCronJob): string | undefined {
  const {
    labels,
    annotations: { [SPEC_HASH_ANNOTATION]: hash, ...annotations } = {},
    ownerReferences,
  } = desired.metadata
  const foreign = live.foreignManagers.length > 0
  return (
    difference(labels, live.labels, 'metadata.labels', false) ??
    difference(annotations, live.annotations, 'metadata.annotations', false) ??
    ownerDifference(ownerReferences, live) ??
    difference(desired['spec'], JSON.parse(live.spec), 'spec', foreign) ??
    (hash === live.annotations[SPEC_HASH_ANNOTATION] ? undefined : 'spec')
  )
}

function ownerDifference(
  wanted: KubeObject['metadata']['ownerReferences'],
  live: CachedCronJob,
): string | undefined {
  const missing = (wanted ?? []).some(
    ({ uid }) => !live.ownerReferences.some((owner) => owner.uid === uid && owner.controller === true),
  )
  return missing ? 'metadata.ownerReferences' : undefined
}

function difference(wanted: unknown, found: unknown, path: string, whole: boolean): string | undefined {
  if (isEmpty(wanted) && isEmpty(found)) return undefined
  if (Array.isArray(wanted)) return listDifference(wanted, found, path, whole)
  if (isRecord(wanted)) return recordDifference(wanted, found, path, whole)
  return wanted === found || isSameQuantity(wanted, found, path) ? undefined : path
}

function listDifference(
  wanted: readonly unknown[],
  found: unknown,
  path: string,
  whole: boolean,
): string | undefined {
  if (!Array.isArray(found) || found.length !== wanted.length) return path
  for (const [index, value] of wanted.entries()) {
    const first = difference(value, found[index], `${path}[${index}]`, whole)
    if (first !== undefined) return first
  }
  return undefined
}

function recordDifference(
  wanted: Readonly<Record<string, unknown>>,
  found: unknown,
  path: string,
  whole: boolean,
): string | undefined {
  if (!isRecord(found)) return path
  for (const [key, value] of Object.entries(wanted)) {
    const first = difference(value, found[key], `${path}.${key}`, whole)
    if (first !== undefined) return first
  }
  if (!whole) return undefined
  const added = Object.entries(found).find(
    ([key, value]) => wanted[key] === undefined && !isEmpty(value) && !isDefault(key, value, found),
  )
  return added === undefined ? undefined : `${path}.${added[0]}`
}

type Fields = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The API server leaves out what says nothing (`omitempty`), or puts it in (`securityContext: {}`). */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false || value === 0) return true
  if (Array.isArray(value)) return value.length === 0
  return isRecord(value) && Object.values(value).every(isEmpty)
}

/** What the API server adds to a Job template, by field name. */
const DEFAULTS: Readonly<Record<string, readonly unknown[]>> = {
  dnsPolicy: ['ClusterFirst'],
  schedulerName: ['default-scheduler'],
  terminationGracePeriodSeconds: [30],
  imagePullPolicy: ['Always', 'IfNotPresent'],
  defaultMode: [0o644],
  apiVersion: ['v1'],
  divisor: ['0'],
  volumeMode: ['Filesystem'],
  expirationSeconds: [3600],
  iscsiInterface: ['default'],
}

function isDefault(key: string, value: unknown, siblings: Fields): boolean {
  // The old name of a field that is kept in step with it.
  if (key === 'serviceAccount') return value === siblings['serviceAccountName']
  return DEFAULTS[key]?.includes(value) ?? false
}

const QUANTITY_PATH = /\.(?:limits|requests)\.[^.]+$|\.(?:sizeLimit|divisor|storage)$/

/** `0.5` comes back as `500m`, 1024Mi as `1Gi`. */
function isSameQuantity(wanted: unknown, found: unknown, path: string): boolean {
  if (!QUANTITY_PATH.test(path) || !isScalar(wanted) || !isScalar(found)) return false
  const value = parseQuantity(wanted)
  return value !== undefined && value === parseQuantity(found)
}

function isScalar(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}
