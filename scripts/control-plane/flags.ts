import type { Program } from './binaries.ts'

/** Flags by name, without the leading dashes. */
export type Flags = Readonly<Record<string, string>>

export type Server = Exclude<Program, 'kubectl' | 'kubelet' | 'kube-proxy'>
export type ProgramFlags = { readonly [server in Server]?: Flags }

export type Layout = {
  readonly directory: string
  readonly etcdPort: number
  readonly etcdPeerPort: number
  readonly apiServerPort: number
  /** The address at which a node reaches the API server. */
  readonly address?: string
}

const LOOPBACK = '127.0.0.1'

/** Files in the cluster's directory, written before the programs that read them start. */
export const FILES = {
  authority: 'ca.crt',
  servingCertificate: 'apiserver.crt',
  servingKey: 'apiserver.key',
  serviceAccountKey: 'service-account.key',
  tokens: 'tokens.csv',
  auditPolicy: 'audit-policy.yaml',
  auditLog: 'audit.log',
  kubeconfig: 'kubeconfig',
} as const

export function defaultFlags(layout: Layout): Record<Server, Flags> {
  const file = (name: keyof typeof FILES): string => `${layout.directory}/${FILES[name]}`
  const etcd = `http://${LOOPBACK}:${layout.etcdPort}`
  const etcdPeer = `http://${LOOPBACK}:${layout.etcdPeerPort}`
  return {
    etcd: {
      'data-dir': `${layout.directory}/etcd`,
      'listen-client-urls': etcd,
      'advertise-client-urls': etcd,
      'listen-peer-urls': etcdPeer,
      'initial-advertise-peer-urls': etcdPeer,
      'initial-cluster': `default=${etcdPeer}`,
      // The data need not survive a crash of the machine.
      'unsafe-no-fsync': 'true',
      'log-level': 'warn',
    },
    'kube-apiserver': {
      'etcd-servers': etcd,
      'bind-address': layout.address === undefined ? LOOPBACK : '0.0.0.0',
      'secure-port': String(layout.apiServerPort),
      // A loopback address is refused here. Without a node, an address for documentation (RFC 5737) is never called.
      'advertise-address': layout.address ?? '192.0.2.1',
      'service-cluster-ip-range': '10.96.0.0/24',
      'tls-cert-file': file('servingCertificate'),
      'tls-private-key-file': file('servingKey'),
      'client-ca-file': file('authority'),
      'token-auth-file': file('tokens'),
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': file('serviceAccountKey'),
      'service-account-signing-key-file': file('serviceAccountKey'),
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      'allow-privileged': 'true',
      'audit-policy-file': file('auditPolicy'),
      'audit-log-path': file('auditLog'),
      // By default the log is rotated after 100 MB, which would lose part of a count.
      'audit-log-maxsize': '100000',
    },
    'kube-controller-manager': {
      kubeconfig: file('kubeconfig'),
      'use-service-account-credentials': 'true',
      'service-account-private-key-file': file('serviceAccountKey'),
      'root-ca-file': file('authority'),
      'leader-elect': 'false',
      'secure-port': '0',
      // The defaults (20 and 30) would make tests wait for the controllers' rate limit.
      'kube-api-qps': '500',
      'kube-api-burst': '1000',
    },
    'kube-scheduler': {
      kubeconfig: file('kubeconfig'),
      'leader-elect': 'false',
      'secure-port': '0',
      'kube-api-qps': '500',
      'kube-api-burst': '1000',
    },
  }
}

export function toArguments(flags: Flags): string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
}
