// Grants the operator the permissions of the chart. So each passing test shows that they suffice, and those that are
// unused at the end of the suite are superfluous.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { OPERATOR } from './access.ts'
import type { AuditedRequest } from './audit-log.ts'
import type { Client } from './client.ts'

/** `helm template` of the default values; a test of the chart compares. */
const RENDERED = join(import.meta.dirname, '../../test/chart/golden/default.yaml')

type Rule = {
  readonly apiGroups: string[]
  readonly resources: string[]
  readonly resourceNames?: string[]
  readonly verbs: string[]
}
type Role = { readonly kind: string; readonly metadata: { readonly name: string }; readonly rules: Rule[] }

/** The ClusterRole, and the Role for the Lease. */
function rolesOfOperator(): Role[] {
  return parseAllDocuments(readFileSync(RENDERED, 'utf8'))
    .map((document) => document.toJS() as Role)
    .filter(({ kind, metadata: { name } }) => kind.endsWith('Role') && name.startsWith('rapidrmf-operator'))
}

/** In an installation for some namespaces: the rules of the chart in this one, and those for the Lease as well if asked. */
export async function grantInNamespace(
  { rbac }: Client,
  namespace: string,
  user: string,
  { withLease = false } = {},
): Promise<void> {
  for (const { metadata, rules } of rolesOfOperator()) {
    const { name } = metadata
    if (name.endsWith('-leader') && !withLease) continue
    await rbac.createNamespacedRole({ namespace, body: { metadata: { name }, rules } })
    await rbac.createNamespacedRoleBinding({
      namespace,
      body: {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      },
    })
  }
}

/** Both for the whole cluster: each test has its Lease in a namespace of its own. */
export async function grantOperatorRole({ rbac }: Client): Promise<void> {
  for (const { metadata, rules } of rolesOfOperator()) {
    // The chart itself may be installed here, too.
    const name = `test:${metadata.name}`
    await rbac.createClusterRole({ body: { metadata: { name }, rules } })
    await rbac.createClusterRoleBinding({
      body: {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: OPERATOR }],
      },
    })
  }
}

/** Returns refused requests of the operator and its unused permissions: `update batch/cronjobs`. */
export function checkRole(requests: readonly AuditedRequest[]): {
  readonly refused: string[]
  readonly unused: string[]
} {
  const own = requests.filter(({ user }) => user === OPERATOR)
  const done = new Set(own.filter(({ allowed }) => allowed).map(requestWords))
  const granted = rolesOfOperator().flatMap(({ rules }) => rules.flatMap(rightsOf))
  return {
    refused: [...new Set(own.filter(({ allowed }) => !allowed).map(requestWords))],
    unused: granted.filter((right) => !done.has(right)),
  }
}

function rightsOf({ apiGroups, resources, verbs }: Rule): string[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
  )
}

function requestWords({ verb, group, resource, subresource }: AuditedRequest): string {
  return `${verb} ${group}/${resource}${subresource === undefined ? '' : `/${subresource}`}`
}
