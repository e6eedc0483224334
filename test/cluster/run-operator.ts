import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { afterAll } from 'vitest'
import { systemClock } from '../../common/clock.ts'
import type { Clock } from '../../common/clock.ts'
import { readConfig } from '../../operator/config.ts'
import { loadConfig } from '../../operator/kube/connection.ts'
import { runOperator } from '../../operator/operator.ts'
import { kubeconfig, operatorKubeconfig } from '../../scripts/control-plane/access.ts'
import type { ClusterAccess, User } from '../../scripts/control-plane/access.ts'
import { freePorts } from '../../scripts/control-plane/ports.ts'

export const IMAGE = 'registry.example/rapidrmf:test'

export type OperatorSetup = {
  /** The address of the API server, or of a proxy. */
  readonly cluster: ClusterAccess
  /** The namespace that the operator watches, and of its Lease. */
  readonly namespace: string
  /** The account; by default one with the permissions that the chart grants in the whole cluster. */
  readonly user?: User
  readonly flags?: readonly string[]
  /** Variables of the operator; a process also has the test's own. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the operator in the test's process; the returned function stops it like SIGTERM. */
export function startOperator({
  clock = systemClock,
  log = pino({ level: process.env['RAPIDRMF_TEST_LOG'] ?? 'silent' }),
  ...setup
}: OperatorSetup & { readonly clock?: Clock; readonly log?: Logger }): () => Promise<void> {
  const { file, flags, remove } = prepare(setup, 0)
  const config = readConfig(flags, setup.env ?? {})
  if (config === 'help') throw new Error('help is not an operator')
  const stop = new AbortController()
  const running = runOperator({
    config,
    kube: loadConfig({ kubeconfig: file }),
    identity: 'test',
    clock,
    log,
    signal: stop.signal,
  })
  return async () => {
    stop.abort()
    await running
    remove()
  }
}

export type OperatorProcess = {
  readonly pid: number
  /** The URL http://127.0.0.1:PORT of /healthz, /readyz and /metrics. */
  readonly url: string
  signal(signal: NodeJS.Signals): void
  readonly ended: Promise<number | null>
  /** Sends the signal and waits for the end; the exit code is null if the signal killed the process. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** The processes to end. Hooks that are registered within a hook are never run, so this is at the top of the file. */
const ends = new Set<() => Promise<unknown>>()
afterAll(() => Promise.all([...ends].map((end) => end())))

/** Starts the operator as a process, like users do; it is killed at the end of the test file. */
export async function startOperatorProcess(setup: OperatorSetup): Promise<OperatorProcess> {
  const [port = 0] = await freePorts(1)
  const { flags, remove } = prepare(setup, port)
  const main = join(import.meta.dirname, '../../operator/main.ts')
  const output = process.env['RAPIDRMF_TEST_LOG'] === undefined ? 'ignore' : 'inherit'
  const child = spawn(process.execPath, [main, ...flags], {
    stdio: ['ignore', output, 'inherit'],
    env: { ...process.env, ...setup.env },
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal)
    const code = await ended
    remove()
    ends.delete(end)
    return code
  }
  const end = (): Promise<unknown> => stop('SIGKILL')
  ends.add(end)
  return {
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    signal: (signal) => void child.kill(signal),
    ended,
    stop,
  }
}

function prepare(
  { cluster, namespace, user, flags = [] }: OperatorSetup,
  port: number,
): { readonly file: string; readonly flags: readonly string[]; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-operator-'))
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, user === undefined ? operatorKubeconfig(cluster) : kubeconfig(cluster, user))
  const where = ['--namespaces', namespace, '--lease-namespace', namespace, '--kubeconfig', file]
  return {
    file,
    flags: ['--image', IMAGE, ...where, '--port', String(port), '--host', '127.0.0.1', ...flags],
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
