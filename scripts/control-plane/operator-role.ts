// Grants the operator the permissions of the chart: each passing test shows that they suffice, and permissions that are
// unused at the end of the suite are superfluous.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { OPERATOR } from './access.ts'
import type { AuditedRequest } from './audit-log.ts'
import type { Client } from './client.ts'

/** The output of `helm template` with the default values; a test of the chart compares both. */
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

/** Grants the permissions of an installation for some namespaces: in one namespace, with those for the Lease if requested. */
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

/** Grants both roles for the whole cluster, because each test has its Lease in another namespace. */
export async function grantOperatorRole({ rbac }: Client): Promise<void> {
  for (const { metadata, rules } of rolesOfOperator()) {
    // The chart may be installed in the same cluster.
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

/** Returns the forbidden requests of the operator and its unused permissions, such as `update batch/cronjobs`. */
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
