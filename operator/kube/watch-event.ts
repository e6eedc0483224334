import type { WatchEvent } from './client.ts'
import { KubeError } from './errors.ts'
import type { StatusBody } from './errors.ts'
import type { KubeObject } from './object.ts'

const TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

/** The stream contains something else than watch events. Events may be lost, so a new list is needed. */
export class GarbledWatchError extends Error {
  override readonly name = 'GarbledWatchError'
}

/** Throws the error of an ERROR event, and GarbledWatchError for anything that is not an event. */
export function checkedEvent(event: WatchEvent): WatchEvent & { readonly version: string } {
  // Unchecked JSON may have any shape.
  const { type = '', object } = (event as Partial<WatchEvent> | null) ?? {}
  if (type === 'ERROR') throw errorIn(object)
  if (!TYPES.has(type)) throw new GarbledWatchError(`an event of the unknown type "${type}"`)
  const version = (object as Partial<KubeObject> | undefined)?.metadata?.resourceVersion
  if (object === undefined || version === undefined) {
    throw new GarbledWatchError(`an event ${type} without a resourceVersion`)
  }
  return { type, object, version }
}

/** True for the bookmark after the last object of a streaming list. */
export function closesList({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[INITIAL_EVENTS_END] === 'true'
}

/** An ERROR event contains a Status; 410 arrives this way more often than as a response. */
function errorIn(object: unknown): KubeError {
  const status = (object ?? {}) as StatusBody
  return new KubeError(status.code ?? 500, status)
}
