import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { operatorKubeconfig } from '../../scripts/control-plane/access.ts'
import type { Cluster } from '../../scripts/control-plane/cluster.ts'
import { freePorts } from '../../scripts/control-plane/ports.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { cpuOf, memoryOf } from './usage.ts'
import type { Memory } from './usage.ts'

export const IMAGE = 'registry.example/rapidrmf:1.0'

/** How the operator's image has glibc give memory back. */
export const MALLOC = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
}

export type Operator = {
  /** ms from its start until it had nothing to do, and was ready. */
  readonly started: number
  /** What it has used of a core by then, in ms: other programs on the machine do not change it much. */
  readonly startCpu: number
  memory(): Memory
  /** How often it has looked at a schedule. A scrape of everything, as Prometheus does it. */
  reconciles(): Promise<number>
  stop(): Promise<void>
}

/** The operator as a process of its own, for one namespace; resolves when it has looked at all that there is. */
export async function startOperator(cluster: Cluster, program: string, namespace: string): Promise<Operator> {
  const [port = 0] = await freePorts(1)
  const kubeconfig = join(cluster.directory, 'operator.kubeconfig')
  writeFileSync(kubeconfig, operatorKubeconfig(cluster.access), { mode: 0o600 })
  const url = `http://127.0.0.1:${port}`
  const where = ['--namespaces', namespace, '--lease-namespace', namespace, '--kubeconfig', kubeconfig]
  const log = join(cluster.directory, 'operator.log')
  const output = openSync(log, 'a')
  const begin = performance.now()
  const child = spawn(
    process.execPath,
    [program, '--image', IMAGE, ...where, '--host', '127.0.0.1', '--port', String(port)],
    { stdio: ['ignore', output, output], env: { ...process.env, ...MALLOC } },
  )
  closeSync(output)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const pid = child.pid ?? 0

  const isReady = async (): Promise<number | undefined> => {
    if (child.exitCode !== null) throw new Error(`the operator ended:\n${readFileSync(log, 'utf8')}`)
    const ok = await fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    )
    return ok ? performance.now() : undefined
  }
  const ready = await until('the operator to be ready', isReady, { timeoutMs: 300_000 })
  const idle = await idleSince(pid)
  return {
    started: Math.max(ready, idle) - begin,
    startCpu: cpuOf(pid),
    memory: () => memoryOf(pid),
    reconciles: async () => {
      const text = await (await fetch(`${url}/metrics`)).text()
      return Number(/^rapidrmf_operator_reconcile_duration_seconds_count (\d+)$/m.exec(text)?.[1])
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      process.off('exit', killWithUs)
    },
  }
}

const SAMPLE_MS = 100
/** Its Lease is renewed every two seconds: what takes less is rest. */
const IDLE_SAMPLES = 10
const BUSY_MS = 20

/** Since when the process has used next to no CPU: looking from outside does not keep it busy. */
async function idleSince(pid: number): Promise<number> {
  let since = performance.now()
  let before = cpuOf(pid)
  for (let quiet = 0; quiet < IDLE_SAMPLES; quiet += 1) {
    await sleep(SAMPLE_MS)
    const now = cpuOf(pid)
    if (now - before >= BUSY_MS) {
      since = performance.now()
      quiet = -1
    }
    before = now
  }
  return since
}
