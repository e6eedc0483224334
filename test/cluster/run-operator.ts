import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../../operator/clock.ts'
import { readConfig } from '../../operator/config.ts'
import { loadConfig } from '../../operator/kube/connection.ts'
import { runOperator } from '../../operator/operator.ts'
import { kubeconfig } from './access.ts'
import type { ClusterAccess } from './access.ts'

/** By which the audit log knows its writes. */
export const OPERATOR = { name: 'operator', groups: ['system:masters'] }

export const IMAGE = 'registry.example/rapidrmf:test'

/** The operator within the test's process, for one namespace; the returned function stops it as SIGTERM would. */
export function startOperator(
  cluster: ClusterAccess,
  namespace: string,
  more: readonly string[] = [],
): () => Promise<void> {
  const { file, flags, remove } = prepare(cluster, namespace)
  const config = readConfig([...flags, ...more], {})
  if (config === 'help') throw new Error('help is not an operator')
  const stop = new AbortController()
  const running = runOperator({
    config,
    kube: loadConfig({ kubeconfig: file }),
    identity: 'test',
    clock: systemClock,
    log: pino({ level: process.env['RAPIDRMF_TEST_LOG'] ?? 'silent' }),
    signal: stop.signal,
  })
  return async () => {
    stop.abort()
    await running
    remove()
  }
}

/** The same as a process of its own, as users start it. */
export function startOperatorProcess(
  cluster: ClusterAccess,
  namespace: string,
): { readonly pid: number; stop(signal?: NodeJS.Signals): Promise<number | null> } {
  const { flags, remove } = prepare(cluster, namespace)
  const main = join(import.meta.dirname, '../../operator/main.ts')
  const child = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return {
    pid: child.pid ?? 0,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal)
      const code = await ended
      remove()
      return code
    },
  }
}

function prepare(
  cluster: ClusterAccess,
  namespace: string,
): { readonly file: string; readonly flags: readonly string[]; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-operator-'))
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, kubeconfig(cluster, OPERATOR))
  const where = ['--namespaces', namespace, '--lease-namespace', namespace, '--kubeconfig', file]
  return {
    file,
    flags: ['--image', IMAGE, ...where, '--port', '0', '--host', '127.0.0.1'],
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
