// Starts everything that an installation needs on this machine: a control plane with a node, both images on it, a
// PostgreSQL that pods reach, and helm.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startLocalPostgres } from '../local-postgres.ts'
import type { LocalPostgres } from '../local-postgres.ts'
import { findHelm } from '../programs/helm.ts'
import type { ClusterAccess } from '../control-plane/access.ts'
import { CONTROL_PLANE, findBinaries } from '../control-plane/binaries.ts'
import { startCluster } from '../control-plane/cluster.ts'
import { startWatchdog } from '../control-plane/process.ts'
import { makePauseImage } from '../containers/base-images.ts'
import { installPackages } from '../programs/debian.ts'
import { ENGINE_PACKAGES, startEngine } from '../containers/engine.ts'
import { buildImages } from '../containers/images.ts'
import { sandboxRefusal } from '../containers/sandbox.ts'
import { NODE_PACKAGES, openLink, startNode } from './node.ts'

const run = promisify(execFile)

/** The addresses and paths of the cluster, as plain data that is passed to test workers. */
export type Tools = {
  readonly access: ClusterAccess
  readonly helm: string
  readonly kubectl: string
  /** The folder of the node's containers. */
  readonly node: string
  /** The URL of a superuser, at an address that pods reach as well. */
  readonly postgresUrl: string
}

export type E2eCluster = Tools & {
  readonly postgres: LocalPostgres
  stop(): Promise<void>
}

/** Starts the cluster, or returns why it cannot. `say` reports each step. */
export async function startE2eCluster(
  say: (text: string) => void,
): Promise<E2eCluster | { readonly missing: string }> {
  const lacking = installPackages({ ...ENGINE_PACKAGES, ...NODE_PACKAGES }) ?? sandboxRefusal()
  if (lacking !== undefined) return { missing: `a node ${lacking}` }
  const binaries = await findBinaries([...CONTROL_PLANE, 'kubelet', 'kube-proxy', 'kubectl'])
  if ('missing' in binaries) return binaries
  const helm = await findHelm()
  if ('missing' in helm) return helm

  // In the order of their start; the clean-up runs in reverse order.
  const begun: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of begun.splice(0).toReversed()) await end()
  }
  try {
    const link = await openLink()
    begun.push(() => link.sandbox.close())
    const [{ pause, archive }, cluster, postgres] = await Promise.all([
      saveImages(join(link.sandbox.directory, 'images.tar'), say),
      startCluster({
        scheduler: true,
        address: link.address,
        flags: { 'kube-apiserver': { 'kubelet-preferred-address-types': 'InternalIP' } },
      }).then((cluster) => {
        begun.push(() => cluster.stop())
        say(`control plane at ${cluster.access.server}`)
        return cluster
      }),
      startPostgres(link.address).then((postgres) => {
        begun.push(() => postgres.remove())
        say(`PostgreSQL at ${link.address}:${postgres.port}`)
        return postgres
      }),
    ])
    const node = await startNode(link, cluster.access, { programs: binaries.directory, pause })
    say(`node ${node.name} is ready`)
    await run('ctr', ['--address', node.containerd, '--namespace', 'k8s.io', 'images', 'import', archive])
    say('images are on the node')
    return {
      access: cluster.access,
      helm: helm.program,
      kubectl: join(binaries.directory, 'kubectl'),
      node: node.directory,
      postgresUrl: postgres.url.replace('127.0.0.1', link.address),
      postgres,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Builds the images into an archive; the engine is stopped afterwards. */
async function saveImages(
  archive: string,
  say: (text: string) => void,
): Promise<{ readonly pause: string; readonly archive: string }> {
  const engine = await startEngine()
  if ('missing' in engine) throw new Error(engine.missing)
  try {
    const pause = await makePauseImage(engine)
    const { job, operator } = await buildImages(engine)
    say(`images ${job} and ${operator} are built`)
    await engine.docker(['save', '--output', archive, pause, job, operator])
    return { pause, archive }
  } finally {
    await engine.stop()
  }
}

/** Stops PostgreSQL, which is a daemon, even if this process is killed. */
async function startPostgres(address: string): Promise<LocalPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-e2e-postgres-'))
  const watchdog = startWatchdog(directory)
  const clients = join(directory, 'pg_hba.conf')
  writeFileSync(clients, 'host all all 0.0.0.0/0 scram-sha-256\n', { mode: 0o644 })
  try {
    const postgres = await startLocalPostgres({
      directory,
      settings: {
        listen_addresses: `127.0.0.1,${address}`,
        hba_file: clients,
        fsync: 'off',
        full_page_writes: 'off',
        max_connections: '100',
      },
    })
    const [pid] = readFileSync(join(postgres.dataDirectory, 'postmaster.pid'), 'utf8').split('\n')
    watchdog.watch({ pid: Number(pid), ended: new Promise(() => {}) })
    return { ...postgres, remove: () => watchdog.dismiss() }
  } catch (error) {
    await watchdog.dismiss()
    throw error
  }
}
