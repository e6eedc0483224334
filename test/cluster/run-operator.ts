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
  flags: readonly string[] = [],
): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-operator-'))
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, kubeconfig(cluster, OPERATOR))
  const own = ['--image', IMAGE, '--namespaces', namespace, '--lease-namespace', namespace]
  const config = readConfig(
    [...own, '--kubeconfig', file, '--port', '0', '--host', '127.0.0.1', ...flags],
    {},
  )
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
    rmSync(folder, { recursive: true })
  }
}
