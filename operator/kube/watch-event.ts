import type { WatchEvent } from './client.ts'
import { KubeError } from './errors.ts'
import type { StatusBody } from './errors.ts'
import type { KubeObject } from './object.ts'

const TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

/** What the stream holds is not what a watch sends; some of it may be lost, so only a new list can help. */
export class GarbledWatchError extends Error {
  override readonly name = 'GarbledWatchError'
}

/** Throws what an ERROR event says, and GarbledWatchError at whatever is no event. */
export function checkedEvent(event: WatchEvent): WatchEvent & { readonly version: string } {
  // Until it has been looked at, it may be anything that is JSON.
  const { type = '', object } = (event as Partial<WatchEvent> | null) ?? {}
  if (type === 'ERROR') throw errorIn(object)
  if (!TYPES.has(type)) throw new GarbledWatchError(`an event of the unknown type "${type}"`)
  const version = (object as Partial<KubeObject> | undefined)?.metadata?.resourceVersion
  if (object === undefined || version === undefined) {
    throw new GarbledWatchError(`an event ${type} without a resourceVersion`)
  }
  return { type, object, version }
}

/** Whether this bookmark is the one after the last object of a streaming list. */
export function closesList({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[INITIAL_EVENTS_END] === 'true'
}

/** An ERROR event holds a Status; 410 comes this way more often than as the answer. */
function errorIn(object: unknown): KubeError {
  const status = (object ?? {}) as StatusBody
  return new KubeError(status.code ?? 500, status)
}
