// What became of the operator's writes, by the API server's own record.
import type { KubeClient } from '../../operator/kube/client.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import { OPERATOR } from '../../scripts/control-plane/access.ts'
import { auditedWrites } from '../../scripts/control-plane/audit-log.ts'
import type { TestNamespace } from './namespace.ts'

export type Outcomes = {
  /** `create cronjobs x-1a2b` */
  readonly done: readonly string[]
  /** `409 create cronjobs x-1a2b` */
  readonly refused: readonly string[]
}

/** Since that position of the audit log, but for Lease and events; of one schedule, if it is named. */
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

/** What the operator has told in events of the namespace: reason, of what, and note, sorted. */
export async function toldBy(client: Pick<KubeClient, 'list'>, namespace: string): Promise<string[]> {
  const { items } = await client.list(RESOURCES.events, { namespace })
  return items
    .filter(({ reportingController }) => reportingController === 'rapidrmf.io/operator')
    .map(({ reason, regarding, note }) =>
      [reason, (regarding as { name?: unknown } | undefined)?.name, note].map(String).join(' '),
    )
    .sort()
}
