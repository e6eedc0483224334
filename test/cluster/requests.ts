// Selects the requests through a TLS proxy that get a fault.
import type { Fault, ProxiedRequest } from './tls-proxy.ts'

export type Matches = (request: ProxiedRequest) => boolean

/** Matches `POST cronjobs`, `PUT validationschedules/status`, `WATCH jobs`, `LIST pods`; optionally writes of one schedule. */
export function call(method: string, resource: string, schedule?: string): Matches {
  return (request) =>
    methodOf(request) === method &&
    resourceOf(request) === resource &&
    (schedule === undefined || request.body.includes(`"${schedule}"`))
}

/** Applies a fault to the first matching request only. */
export function once(matches: Matches, fault: Fault): (request: ProxiedRequest) => Fault | undefined {
  let left = 1
  return (request) => (matches(request) && left-- > 0 ? fault : undefined)
}

/** Holds the first matching request until the release; its sender does not notice. The others pass. */
export function holdBack(matches: Matches) {
  const reached = Promise.withResolvers<ProxiedRequest>()
  const released = Promise.withResolvers<undefined>()
  let left = 1
  return {
    fault: (request: ProxiedRequest): Promise<undefined> | undefined => {
      if (!matches(request) || left-- <= 0) return undefined
      reached.resolve(request)
      return released.promise
    },
    /** True while a request is held. */
    reached: reached.promise,
    release: (): void => released.resolve(undefined),
  }
}

function methodOf({ method, isWatch, path }: ProxiedRequest): string {
  if (method !== 'GET') return method
  if (isWatch) return 'WATCH'
  return namesIn(path)?.['name'] === undefined ? 'LIST' : 'GET'
}

function resourceOf({ path }: ProxiedRequest): string {
  const { plural, subresource } = namesIn(path) ?? {}
  return [plural, subresource].filter(Boolean).join('/')
}

/** Parses /api/v1/namespaces/NS/pods/NAME, /apis/batch/v1/namespaces/NS/jobs/NAME/status */
const PATH =
  /^\/apis?(?:\/[^/]+){1,2}\/namespaces\/[^/]+\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<subresource>[^/]+))?$/

function namesIn(path: string): Record<string, string | undefined> | undefined {
  return PATH.exec(path)?.groups
}
