// The results of the operator's writes, from the API server's audit log.
import type { KubeClient } from '../../operator/kube/client.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import { OPERATOR } from '../../scripts/control-plane/access.ts'
import { auditedWrites } from '../../scripts/control-plane/audit-log.ts'
import type { TestNamespace } from './namespace.ts'

export type Outcomes = {
  /** The successful writes: `create cronjobs x-1a2b` */
  readonly done: readonly string[]
  /** The failed writes: `409 create cronjobs x-1a2b` */
  readonly refused: readonly string[]
}

/** Returns the results since a position of the audit log, without Lease and events; optionally of one schedule. */
export async function outcomesOf(here: TestNamespace, since: number, schedule = ''): Promise<Outcomes> {
  const all = await auditedWrites(here.cluster.auditLog, { since, namespace: here.name, user: OPERATOR })
  const writes = all
    .filter(({ resource }) => resource !== 'leases' && resource !== 'events')
    .filter(({ name }) => name?.startsWith(schedule))
    .map(({ verb, resource, subresource, name, code }) => ({
      code,
      text: [verb, resource, subresource, name].filter(Boolean).join(' '),
    }))
  return {
    done: writes.filter(({ code }) => code < 300).map(({ text }) => text),
    refused: writes.filter(({ code }) => code >= 300).map(({ code, text }) => `${code} ${text}`),
  }
}

/** Returns the operator's events in the namespace as sorted texts of reason, object and note. */
export async function eventsIn(client: Pick<KubeClient, 'list'>, namespace: string): Promise<string[]> {
  const { items } = await client.list(RESOURCES.events, { namespace })
  return items
    .filter(({ reportingController }) => reportingController === 'rapidrmf.io/operator')
    .map(({ reason, regarding, note }) =>
      [reason, (regarding as { name?: unknown } | undefined)?.name, note].map(String).join(' '),
    )
    .sort()
}
