import type { KubeClient, WatchEvent } from '../../operator/kube/client.ts'
import type { Resource } from '../../operator/kube/object.ts'

export type Sightings = {
  /** Resolves with the time of the first event after the call that satisfies the predicate. */
  first(holds: (event: WatchEvent) => boolean): Promise<number>
  end(): void
}

const HOUR = 3_600_000

/** Opens a watch, and resolves when it is open. */
export async function watchFor(
  client: KubeClient,
  resource: Resource,
  namespace: string,
): Promise<Sightings> {
  const { metadata } = await client.list(resource, { namespace, query: { limit: 1 } })
  const stop = new AbortController()
  const events = await client.watch(resource, {
    namespace,
    query: { resourceVersion: metadata.resourceVersion, timeoutSeconds: HOUR / 1000 },
    signal: stop.signal,
    silence: HOUR,
  })
  const waiting = new Set<Waiting>()
  const pass = async (): Promise<void> => {
    for await (const event of events) {
      for (const who of waiting) {
        if (!who.holds(event)) continue
        waiting.delete(who)
        who.resolve(performance.now())
      }
    }
    throw new Error(`the watch of ${resource.plural} ended`)
  }
  pass().catch((error: unknown) => {
    for (const { reject } of waiting) reject(error)
  })
  return {
    first: (holds) => new Promise((resolve, reject) => waiting.add({ holds, resolve, reject })),
    end: () => stop.abort(),
  }
}

type Waiting = {
  readonly holds: (event: WatchEvent) => boolean
  readonly resolve: (at: number) => void
  readonly reject: (error: unknown) => void
}
