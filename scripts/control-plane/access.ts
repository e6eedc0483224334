// The addresses and credentials of a running test cluster, as plain data that is passed to vitest's workers.
import { get } from 'node:https'
import { CoreV1Api } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import { issueCertificate } from './certificates.ts'
import type { Certificate } from './certificates.ts'
import { hasCode, PooledKubeConfig } from './client.ts'
import { until } from './until.ts'

export type ClusterAccess = {
  /** https://127.0.0.1:PORT; replace it to go through a proxy. */
  readonly server: string
  /** The authority that signs the certificates of the API server and of a test's proxy. */
  readonly authority: Certificate
  readonly adminToken: string
  /** The token of the operator's user in tests. A token, unlike a client certificate, passes through a TLS proxy. */
  readonly operatorToken: string
  /** The path of the API server's audit log. */
  readonly auditLog: string
}

export type User = { readonly name: string; readonly groups?: readonly string[] }

/** The kubeconfig of the administrator, or of any user by a client certificate, with the permissions that RBAC gives. */
export function kubeconfig(access: ClusterAccess, user?: User): string {
  if (user === undefined) return withUser(access, { token: access.adminToken })
  const own = issueCertificate(access.authority, { commonName: user.name, organizations: user.groups ?? [] })
  return withUser(access, {
    'client-certificate-data': base64(own.certificate),
    'client-key-data': base64(own.key),
  })
}

/** The user name of the operator in the audit log. */
export const OPERATOR = 'operator'

/** The kubeconfig of the operator, with the permissions of the chart (operator-role.ts). */
export function operatorKubeconfig(access: ClusterAccess): string {
  return withUser(access, { token: access.operatorToken })
}

/** The kubeconfig of a service account. Its token, unlike a client certificate, passes through a TLS proxy. */
export async function serviceAccountKubeconfig(
  access: ClusterAccess,
  namespace: string,
  name: string,
): Promise<string> {
  const body = { spec: { audiences: [], expirationSeconds: 86_400 } }
  const { status } = await admin(access).createNamespacedServiceAccountToken({ namespace, name, body })
  if (status?.token === undefined) throw new Error(`no token for service account ${namespace}/${name}`)
  return withUser(access, { token: status.token })
}

/** Creates a namespace, and waits for its service account, without which no pod can be created. */
export async function createNamespace(
  access: ClusterAccess,
  prefix: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const core = admin(access)
  const made = await core.createNamespace({ body: { metadata: { generateName: `${prefix}-`, labels } } })
  const namespace = made.metadata?.name ?? ''
  await until(`the default service account of namespace ${namespace}`, () =>
    core.readNamespacedServiceAccount({ namespace, name: 'default' }).catch((error: unknown) => {
      if (hasCode(error, 404)) return undefined
      throw error
    }),
  )
  return namespace
}

/** True if the API server reports that it is ready. */
export function isReady({ server, authority, adminToken }: ClusterAccess): Promise<boolean> {
  const headers = { authorization: `Bearer ${adminToken}` }
  return new Promise((resolve) => {
    const options = { ca: authority.certificate, headers, agent: false, timeout: 2_000 }
    const request = get(`${server}/readyz`, options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy()).on('error', () => resolve(false))
  })
}

function admin(access: ClusterAccess): CoreV1Api {
  return PooledKubeConfig.from(kubeconfig(access)).makeApiClient(CoreV1Api)
}

type Credentials =
  | { readonly token: string }
  | { readonly 'client-certificate-data': string; readonly 'client-key-data': string }

function withUser({ server, authority }: ClusterAccess, user: Credentials): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    clusters: [
      { name: 'test', cluster: { server, 'certificate-authority-data': base64(authority.certificate) } },
    ],
    users: [{ name: 'test', user }],
  })
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
