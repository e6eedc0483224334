// A Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager (kube-scheduler on request) on
// free loopback ports, in a new directory. There is no node: pods stay Pending, and a test plays the kubelet
// (play-kubelet.ts).
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNamespace, isReady, kubeconfig, OPERATOR, serviceAccountKubeconfig } from './access.ts'
import type { ClusterAccess, User } from './access.ts'
import { AUDIT_POLICY, auditedWrites, auditPosition } from './audit-log.ts'
import type { AuditedWrite, AuditFilter } from './audit-log.ts'
import { CONTROL_PLANE, findBinaries } from './binaries.ts'
import { createAuthority, issueCertificate } from './certificates.ts'
import { connect } from './client.ts'
import { compactEtcd, putIntoEtcd } from './etcd.ts'
import { defaultFlags, FILES, toArguments } from './flags.ts'
import type { Flags, Layout, ProgramFlags, Server } from './flags.ts'
import { grantOperatorRole } from './operator-role.ts'
import { freePorts } from './ports.ts'
import { startProcess, startWatchdog } from './process.ts'
import type { ClusterProcess } from './process.ts'
import { until } from './until.ts'

export type ClusterOptions = {
  /** Flags that override those of flags.ts: `{ 'kube-apiserver': { 'feature-gates': 'WatchList=false' } }`. */
  readonly flags?: ProgramFlags
  readonly scheduler?: boolean
  /** The machine's address for a node. Without it there is no node, and the servers listen on loopback only. */
  readonly address?: string
  /** Called before any controller starts: the garbage collector takes half a minute to notice a kind that is added later. */
  readonly prepare?: (kubeconfig: string) => Promise<unknown>
}

export type Cluster = {
  readonly access: ClusterAccess
  /** The directory of logs, keys and data; stop() removes it. */
  readonly directory: string
  kubeconfig(user?: User): string
  serviceAccountKubeconfig(namespace: string, name: string): Promise<string>
  createNamespace(prefix: string, labels?: Readonly<Record<string, string>>): Promise<string>
  writes(filter?: AuditFilter): Promise<AuditedWrite[]>
  auditPosition(): number
  /** Ends a server: by default with SIGKILL, a crash. SIGTERM lets it finish requests, for at most ten seconds. */
  stopApiServer(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Starts a server on the same port and data. `flags` override its earlier ones, also for later restarts. */
  startApiServer(flags?: Flags): Promise<void>
  restartApiServer(flags?: Flags): Promise<void>
  /** Pauses a server (SIGSTOP): connections stay open without a response. */
  pause(server: Server): void
  resume(server: Server): void
  /** The pid of a running server, to read its memory or its limits. */
  pidOf(server: Server): number
  /**
   * Compacts etcd completely. The API server still serves old versions from its cache until it is restarted; only then
   * does an older watch end with 410.
   */
  compactEtcd(): Promise<void>
  /** Stores objects as JSON by their keys in etcd (`/registry/jobs/NAMESPACE/NAME`): thousands in the time of a few requests. */
  putIntoEtcd(objects: ReadonlyMap<string, string>): Promise<void>
  /** Ends all processes and removes the directory. */
  stop(): Promise<void>
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { flags = {}, scheduler = false, address, prepare } = options
  const binaries = await findBinaries(CONTROL_PLANE)
  if ('missing' in binaries) throw new Error(binaries.missing)
  const [etcdPort = 0, etcdPeerPort = 0, apiServerPort = 0] = await freePorts(3)
  const layout = {
    directory: mkdtempSync(join(tmpdir(), 'rapidrmf-cluster-')),
    etcdPort,
    etcdPeerPort,
    apiServerPort,
    ...(address === undefined ? {} : { address }),
  }
  const access = writeFiles(layout)
  const servers = superviseServers(binaries.directory, layout, flags)
  const startApiServer = async (over: Flags = {}): Promise<void> => {
    servers.override('kube-apiserver', over)
    const process = servers.start('kube-apiserver')
    await until(
      'the API server to be ready',
      async () => {
        servers.check()
        return (await isReady(access)) && process.running() ? true : undefined
      },
      { timeoutMs: 120_000 },
    )
  }
  const stopApiServer = (signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> =>
    servers.end('kube-apiserver', signal)
  try {
    servers.start('etcd')
    await startApiServer()
    await grantOperatorRole(connect(kubeconfig(access)))
    await prepare?.(kubeconfig(access))
    // The controller manager starts last: it gives up if there is no API server within ten seconds.
    servers.start('kube-controller-manager')
    if (scheduler) servers.start('kube-scheduler')
  } catch (error) {
    await servers.stop()
    throw error
  }
  return {
    access,
    directory: layout.directory,
    kubeconfig: (user) => kubeconfig(access, user),
    serviceAccountKubeconfig: (namespace, name) => serviceAccountKubeconfig(access, namespace, name),
    createNamespace: (prefix, labels) => createNamespace(access, prefix, labels),
    writes: (filter) => auditedWrites(access.auditLog, filter),
    auditPosition: () => auditPosition(access.auditLog),
    stopApiServer,
    startApiServer,
    restartApiServer: async (over) => {
      await stopApiServer()
      await startApiServer(over)
    },
    pause: (server) => servers.get(server).signal('SIGSTOP'),
    resume: (server) => servers.get(server).signal('SIGCONT'),
    pidOf: (server) => servers.get(server).pid,
    compactEtcd: () => compactEtcd(etcdPort),
    putIntoEtcd: (objects) => putIntoEtcd(etcdPort, objects),
    stop: () => servers.stop(),
  }
}

function writeFiles({ directory, apiServerPort, address }: Layout): ClusterAccess {
  const write = (name: keyof typeof FILES, text: string): void =>
    writeFileSync(join(directory, FILES[name]), text, { mode: 0o600 })
  const authority = createAuthority('test-cluster')
  const serving = issueCertificate(authority, {
    commonName: 'kube-apiserver',
    hosts: [address ?? '127.0.0.1', '127.0.0.1', 'localhost', 'kubernetes.default.svc', '10.96.0.1'],
  })
  const access = {
    server: `https://127.0.0.1:${apiServerPort}`,
    authority,
    adminToken: randomBytes(24).toString('base64url'),
    operatorToken: randomBytes(24).toString('base64url'),
    auditLog: join(directory, FILES.auditLog),
  }
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  mkdirSync(join(directory, 'etcd'), { mode: 0o700 })
  write('authority', authority.certificate)
  write('servingCertificate', serving.certificate)
  write('servingKey', serving.key)
  write('serviceAccountKey', privateKey)
  write('tokens', tokens(access))
  write('auditPolicy', AUDIT_POLICY)
  write('auditLog', '')
  write('kubeconfig', kubeconfig(access))
  return access
}

function tokens({ adminToken, operatorToken }: ClusterAccess): string {
  return `${adminToken},admin,admin,"system:masters"\n${operatorToken},${OPERATOR},${OPERATOR}\n`
}

type Servers = {
  start(server: Server): ClusterProcess
  get(server: Server): ClusterProcess
  override(server: Server, flags: Flags): void
  end(server: Server, signal: NodeJS.Signals): Promise<void>
  /** Throws if a server has ended by itself. */
  check(): void
  stop(): Promise<void>
}

/** The time for an orderly stop: on SIGTERM an API server waits a minute for its open watches. */
const GRACE_MS = 10_000

function superviseServers(binaries: string, layout: Layout, overrides: ProgramFlags): Servers {
  const { directory } = layout
  const watchdog = startWatchdog(directory)
  const running = new Map<Server, ClusterProcess>()
  const flags: Record<Server, Flags> = defaultFlags(layout)
  const override = (server: Server, over: Flags): void => {
    flags[server] = { ...flags[server], ...over }
  }
  for (const [server, over] of Object.entries(overrides)) override(server as Server, over)
  const get = (server: Server): ClusterProcess => {
    const found = running.get(server)
    if (found === undefined) throw new Error(`${server} is not running`)
    return found
  }
  return {
    get,
    override,
    start: (server) => {
      if (running.has(server)) throw new Error(`${server} is running already`)
      const log = join(directory, `${server}.log`)
      const process = startProcess(join(binaries, server), toArguments(flags[server]), server, log)
      running.set(server, process)
      watchdog.watch(process)
      return process
    },
    end: async (server, signal) => {
      const process = get(server)
      running.delete(server)
      process.signal(signal)
      const force = setTimeout(() => process.signal('SIGKILL'), GRACE_MS)
      await process.ended
      clearTimeout(force)
    },
    check: () => {
      const dead = [...running.values()].find((process) => !process.running())
      if (dead !== undefined) throw new Error(`${dead.name} has ended:\n${dead.logTail()}`)
    },
    stop: async () => {
      const all = [...running.values()]
      running.clear()
      // SIGKILL also ends a paused process, and nothing needs an orderly stop.
      for (const process of all) process.signal('SIGKILL')
      await Promise.all(all.map(({ ended }) => ended))
      await watchdog.dismiss()
    },
  }
}
