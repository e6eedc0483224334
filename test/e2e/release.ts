// An installation like a user's: a namespace, the Secret with the database's URL, and `helm install`.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, inject } from 'vitest'
import { kubeconfig } from '../../scripts/control-plane/access.ts'
import { useNamespace } from '../cluster/namespace.ts'
import type { TestNamespace } from '../cluster/namespace.ts'
import { schedulesIn } from '../cluster/schedules.ts'
import type { Schedules } from '../cluster/schedules.ts'
import { createDatabase } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'

const run = promisify(execFile)
const CHART = join(import.meta.dirname, '../../helm/rapidrmf')

export type ReleaseOptions = {
  readonly labels?: Readonly<Record<string, string>>
  /** Values that override those of all tests. */
  readonly values?: object
  readonly database?: 'migrated' | 'empty'
}

export type Release = {
  readonly here: TestNamespace
  readonly schedules: Schedules
  readonly database: TestDatabase
  /** The schedules in the release's namespace. */
  kubectl(...args: readonly string[]): Promise<string>
  /** Runs `helm upgrade --install` with additional values, and waits until the release is ready. */
  upgrade(values?: object): Promise<void>
  uninstall(): Promise<void>
}

/** Installs the chart. Call it inside of describeWithCluster; later beforeAll hooks can use the result. */
export function useRelease(prefix: string, options: ReleaseOptions = {}): Release {
  const here = useNamespace(prefix, options.labels)
  let values: object = options.values ?? {}
  let made: { database: TestDatabase; schedules: Schedules; folder: string } | undefined
  const parts = () => {
    if (made === undefined) throw new Error('the release exists only while tests run')
    return made
  }
  const execute = async (program: 'helm' | 'kubectl', args: readonly string[]): Promise<string> => {
    const { folder } = parts()
    const env = { ...process.env, KUBECONFIG: join(folder, 'kubeconfig'), HELM_CACHE_HOME: folder }
    const { stdout } = await run(inject('tools')[program], ['--namespace', here.name, ...args], { env })
    return stdout
  }
  const release: Release = {
    here,
    get schedules() {
      return parts().schedules
    },
    get database() {
      return parts().database
    },
    kubectl: (...args) => execute('kubectl', args),
    upgrade: async (more = {}) => {
      values = { ...values, ...more }
      const file = join(parts().folder, 'values.json')
      writeFileSync(file, JSON.stringify({ ...defaults(here.name), ...values }))
      await execute('helm', [
        'upgrade',
        '--install',
        here.name,
        CHART,
        '--values',
        file,
        '--wait',
        '--timeout',
        '2m',
      ])
    },
    uninstall: async () => {
      await execute('helm', ['uninstall', here.name, '--wait'])
    },
  }
  beforeAll(async () => {
    const database = await createDatabase(options.database)
    const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-release-'))
    writeFileSync(join(folder, 'kubeconfig'), kubeconfig(here.cluster), { mode: 0o600 })
    made = { database, folder, schedules: schedulesIn(here) }
    await here.admin.core.createNamespacedSecret({
      namespace: here.name,
      body: { metadata: { name: 'rapidrmf-db' }, stringData: { url: database.url } },
    })
    await release.upgrade()
  }, 180_000)
  // The first places for a diagnosis.
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return
    const seen = [
      release.kubectl('get', 'pods,jobs,vsched', '--output=wide'),
      release.kubectl('logs', '--selector=app.kubernetes.io/component=operator', '--tail=40', '--prefix'),
    ].map((text) => text.catch((error: unknown) => String(error)))
    process.stdout.write(`\nafter "${task.name}":\n${(await Promise.all(seen)).join('\n')}\n`)
  })
  afterAll(() => {
    if (made !== undefined) rmSync(made.folder, { recursive: true, force: true })
  })
  return release
}

/** Values without the CRD, which the whole cluster with all its releases shares. */
function defaults(namespace: string): object {
  return {
    crd: { create: false },
    namespaces: [namespace],
    config: { create: true, data: 'environments:\n  production: {}\n  empty: {}\n  large: {}\n' },
    database: { existingSecret: 'rapidrmf-db', migrate: false },
  }
}
