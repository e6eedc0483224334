// Debian's Docker engine, started without a service manager. Its images stay in the clone's cache.
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../control-plane/until.ts'
import { installPackages } from '../programs/debian.ts'
import { openSandbox, sandboxRefusal } from './sandbox.ts'

/** The client of Debian's package. Newer clients on the PATH cannot build without a plug-in. */
const DOCKER = '/usr/bin/docker'
const CACHE = join(import.meta.dirname, '../../.cache/docker')

export type Output = { readonly code: number | null; readonly out: string; readonly err: string }

export type Docker = {
  /** The address of the engine, with which connectDocker uses it from another process. */
  readonly host: string
  /** Runs `docker …`; returns its output and exit code. */
  readonly try: (args: readonly string[]) => Promise<Output>
  /** Runs `docker …` and returns its output; throws an error with the output if it fails. */
  readonly docker: (args: readonly string[]) => Promise<string>
}

export type Engine = Docker & { stop(): Promise<void> }

/** The programs that the engine needs. The last two are for base images and for the network of a sandbox. */
export const ENGINE_PACKAGES = {
  'docker.io': '/usr/sbin/dockerd',
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'busybox-static': '/bin/busybox',
  iproute2: '/usr/sbin/ip',
}

/** Starts the engine, or returns why it cannot. */
export async function startEngine(): Promise<Engine | { readonly missing: string }> {
  const missing = installPackages(ENGINE_PACKAGES) ?? sandboxRefusal()
  if (missing !== undefined) return { missing: `the Docker engine ${missing}` }
  mkdirSync(CACHE, { recursive: true })
  const sandbox = openSandbox({ lock: join(CACHE, 'lock') })
  const client = connectDocker(`unix://${sandbox.directory}/docker.sock`)
  const data = join(CACHE, 'data')
  const settings = join(sandbox.directory, 'daemon.json')
  writeFileSync(settings, '{}')
  sandbox.start('dockerd', 'dockerd', [
    `--data-root=${data}`,
    `--exec-root=${sandbox.directory}/exec`,
    `--pidfile=${sandbox.directory}/docker.pid`,
    `--host=${client.host}`,
    // The machine's own configuration is for the machine's engine.
    `--config-file=${settings}`,
    // Containers run in the machine's network.
    '--bridge=none',
    '--iptables=false',
    '--ip-forward=false',
    `--cgroup-parent=/${sandbox.cgroup}`,
  ])
  try {
    await sandbox.opened()
    await until(
      'the Docker engine',
      async () => ((await client.try(['version'])).code === 0 ? true : undefined),
      { timeoutMs: 60_000, intervalMs: 100 },
    )
  } catch (error) {
    const tail = sandbox.logTail('dockerd')
    await sandbox.close()
    throw new Error(`${(error as Error).message}\n${tail}`, { cause: error })
  }
  return {
    ...client,
    stop: async () => {
      // Builds of changed sources leave unused layers.
      await client.try(['image', 'prune', '--force'])
      await client.try(['builder', 'prune', '--force', '--keep-storage=2GB'])
      sandbox.end('dockerd')
      await sandbox.close()
      // Containers of interrupted tests are not needed any more.
      rmSync(join(data, 'containers'), { recursive: true, force: true })
    },
  }
}

/** Connects to a running engine. */
export function connectDocker(host: string): Docker {
  const attempt = (args: readonly string[]) => command(['--host', host, ...args])
  return {
    host,
    try: attempt,
    docker: async (args) => {
      const { code, out, err } = await attempt(args)
      if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}:\n${err}`)
      return out.trim()
    },
  }
}

function command(args: readonly string[]): Promise<Output> {
  const child = spawn(DOCKER, args, {
    env: { ...process.env, DOCKER_BUILDKIT: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, ...text }))
  })
}
