// npm run cluster: runs the Kubernetes control plane of the tests until Ctrl-C.
import { command, flag, option, string } from 'cmd-ts'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CONTROL_PLANE, findBinaries } from './control-plane/binaries.ts'
import { connect } from './control-plane/client.ts'
import { startCluster } from './control-plane/cluster.ts'
import { readCommandLine } from './command-line.ts'

const parser = command({
  name: 'npm run cluster --',
  description: 'Keeps a Kubernetes control plane without nodes up until Ctrl-C',
  args: {
    scheduler: flag({ long: 'scheduler', description: 'With the scheduler of Kubernetes' }),
    kubeconfig: option({
      long: 'kubeconfig',
      type: string,
      defaultValue: () => join(import.meta.dirname, '../.cache/cluster/kubeconfig'),
      description: 'Where to write its kubeconfig. Default: .cache/cluster/kubeconfig',
    }),
  },
  examples: [{ description: 'A second one', command: 'npm run cluster -- --kubeconfig /tmp/kubeconfig' }],
  handler: (given) => given,
})
const options = await readCommandLine(parser)
const kubeconfig = resolve(options.kubeconfig)

const say = (text: string): boolean => process.stdout.write(`${text}\n`)

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

/** True if the cluster of an earlier kubeconfig answers. The file of a killed cluster remains, and nothing answers. */
async function isUp(file: string): Promise<boolean> {
  if (!existsSync(file)) return false
  const { core } = connect(readFileSync(file, 'utf8'))
  return core.readNamespace({ name: 'default' }).then(
    () => true,
    () => false,
  )
}

function onPath(program: string): boolean {
  return spawnSync(program, ['version', '--client']).status === 0
}

async function kubectl(): Promise<string> {
  if (onPath('kubectl')) return 'kubectl'
  const binaries = await findBinaries(['kubectl'])
  return 'missing' in binaries ? 'kubectl' : join(binaries.directory, 'kubectl')
}

if (await isUp(kubeconfig)) {
  fail(
    `A cluster is up already: KUBECONFIG=${kubeconfig} (end it there, or start another with --kubeconfig FILE)`,
  )
}
const binaries = await findBinaries(CONTROL_PLANE)
if ('missing' in binaries) fail(binaries.missing)

const interrupted = new Promise<void>((done) => {
  process.once('SIGINT', () => done()).once('SIGTERM', () => done())
})
const started = Date.now()
const cluster = await startCluster({ scheduler: options.scheduler })
try {
  mkdirSync(dirname(kubeconfig), { recursive: true })
  writeFileSync(kubeconfig, cluster.kubeconfig(), { mode: 0o600 })
  say(`Kubernetes is up at ${cluster.access.server} after ${((Date.now() - started) / 1000).toFixed(1)} s.

  export KUBECONFIG=${kubeconfig}
  ${await kubectl()} get namespaces

There is no node: Jobs are made, their pods stay Pending. Logs: ${cluster.directory}
Ctrl-C ends it and removes everything.`)
  await interrupted
  say('\nEnding the cluster …')
} finally {
  rmSync(kubeconfig, { force: true })
  await cluster.stop()
}
process.exit(0)
