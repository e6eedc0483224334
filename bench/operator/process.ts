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

/** The settings of glibc in the operator's image that return free memory. */
export const MALLOC = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
}

export type Operator = {
  /** The time from the start until the operator was ready and idle, in ms. */
  readonly started: number
  /** Its CPU time by then, in ms: other programs on the machine hardly change it. */
  readonly startCpu: number
  memory(): Memory
  /** Scrapes all metrics, like Prometheus, and returns the number of reconciles. */
  reconciles(): Promise<number>
  stop(): Promise<void>
}

/** Starts the operator as a process for one namespace; resolves when it has reconciled all objects. */
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
/** The CPU time that counts as idle: the Lease is renewed every two seconds. */
const IDLE_SAMPLES = 10
const BUSY_MS = 20

/** Returns since when the process is idle, by its CPU time, which can be read without a request to it. */
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
