// npm run demo: shows the whole system in operation. As root on a Debian machine it starts a cluster with a node, and
// removes it at the end. With `--context NAME` it uses an existing cluster (kind, k3d); only the CRD remains there.
import { command, flag, option, optional, string } from 'cmd-ts'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import { findHelm } from './programs/helm.ts'
import { kubeconfig } from './control-plane/access.ts'
import { findBinaries } from './control-plane/binaries.ts'
import { startE2eCluster } from './node/cluster.ts'
import { VERSION } from './containers/images.ts'
import { readCommandLine, runScript } from './command-line.ts'
import { chartValues, postgres, sampleData, secret } from './demo-objects.ts'
import type { SamplePlace } from './demo-objects.ts'
import { SAMPLE_ENVIRONMENT, inspectDatabase } from './sample-systems.ts'

const ROOT = join(import.meta.dirname, '..')
const NAMESPACE = 'rapidrmf-demo'
const SCHEDULE = 'every-minute'
const IMAGE = `rapidrmf-job:${VERSION}`

const parser = command({
  name: 'npm run demo --',
  description:
    'Shows operator, chart and runs at work on a cluster of its own (as root on Debian), or on one of yours',
  args: {
    context: option({
      long: 'context',
      type: optional(string),
      description: 'Use the cluster of this kube context; only the CRD remains',
    }),
    databaseUrl: option({
      long: 'database-url',
      type: optional(string),
      description: 'Use this database, which pods and this machine must reach, instead of a new one',
    }),
    yes: flag({ long: 'yes', description: 'Use the database although it holds systems' }),
    once: flag({ long: 'once', description: 'End after the first run' }),
  },
  examples: [{ description: 'On kind or k3d', command: 'npm run demo -- --context kind-kind' }],
  handler: (given) => given,
})
const options = await readCommandLine(parser)

const started = Date.now()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

/** The cluster of the demonstration. */
type Stage = {
  readonly kubectl: readonly string[]
  readonly helm: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** The URL of the database for pods; undefined if there is no database yet. */
  readonly databaseUrl: string | undefined
  end(): Promise<void>
}

function say(text: string): void {
  const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(5)
  process.stdout.write(`${styleText('dim', `${seconds} s`)}  ${text}\n`)
}

/** Runs a program and returns its output; a failure throws an error with the output, unless failures are accepted. */
function run(
  stage: Stage,
  program: 'kubectl' | 'helm',
  args: readonly string[],
  input = '',
): Promise<string> {
  const [file = program, ...first] = stage[program]
  const child = spawn(file, [...first, '--namespace', NAMESPACE, ...args], { env: stage.env })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => {
      if (code === 0) resolve(text.out)
      else reject(new Error(`${program} ${args.join(' ')}: ${text.err.trim()}`))
    })
  })
}

async function ownCluster(): Promise<Stage> {
  const cluster = await startE2eCluster(say)
  if ('missing' in cluster) {
    throw new Error(`${cluster.missing}\nOr use an existing cluster: npm run demo -- --context NAME`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-demo-'))
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, kubeconfig(cluster.access), { mode: 0o600 })
  say(`meanwhile, in another terminal: export KUBECONFIG=${file}; ${cluster.kubectl} get pods -A`)
  return {
    kubectl: [cluster.kubectl],
    helm: [cluster.helm],
    env: { ...process.env, KUBECONFIG: file },
    databaseUrl: options.databaseUrl ?? cluster.postgresUrl,
    end: async () => {
      rmSync(folder, { recursive: true, force: true })
      await cluster.stop()
    },
  }
}

async function yourCluster(context: string): Promise<Stage> {
  const [helm, kubectl] = await Promise.all([findHelm(), findKubectl()])
  if ('missing' in helm) throw new Error(helm.missing)
  say(`the cluster of ${context} needs two images; if it does not have them:

  docker build --target operator --tag rapidrmf-operator:${VERSION} .
  docker build --target job --tag ${IMAGE} .
  kind load docker-image rapidrmf-operator:${VERSION} ${IMAGE}        # or: k3d image import …
`)
  const stage: Stage = {
    kubectl: [kubectl, '--context', context],
    helm: [helm.program, '--kube-context', context],
    env: process.env,
    databaseUrl: options.databaseUrl,
    end: async () => {
      await run(stage, 'helm', ['uninstall', 'rapidrmf', '--ignore-not-found', '--wait'])
      await run(stage, 'kubectl', ['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false'])
      say(
        `namespace ${NAMESPACE} is going; the CRD stays: kubectl delete crd validationschedules.rapidrmf.io`,
      )
    },
  }
  return stage
}

async function findKubectl(): Promise<string> {
  if (spawnSync('kubectl', ['version', '--client']).status === 0) return 'kubectl'
  const found = await findBinaries(['kubectl'])
  if ('missing' in found) throw new Error(found.missing)
  return join(found.directory, 'kubectl')
}

function apply(stage: Stage, objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  return run(stage, 'kubectl', ['apply', '--filename=-'], JSON.stringify(list))
}

/** The environment of the samples in a database of the user. */
async function samplePlace(): Promise<SamplePlace> {
  const { databaseUrl: url, yes } = options
  if (url === undefined) return { environment: 'production', config: 'config.yaml', hasControls: false }
  const { controls } = await inspectDatabase(url, SAMPLE_ENVIRONMENT, yes)
  return { environment: SAMPLE_ENVIRONMENT, config: 'quickstart.yaml', hasControls: controls > 0 }
}

async function install(stage: Stage, place: SamplePlace): Promise<void> {
  await run(stage, 'kubectl', ['create', 'namespace', NAMESPACE])
  const password = randomBytes(18).toString('base64url')
  if (stage.databaseUrl === undefined) {
    await apply(stage, postgres(password))
    await run(stage, 'kubectl', ['rollout', 'status', 'deployment/postgres', '--timeout=180s'])
    say('PostgreSQL is up in the cluster')
  }
  const url = stage.databaseUrl ?? `postgresql://postgres:${password}@postgres:5432/postgres`
  await apply(stage, [secret(url), ...sampleData(IMAGE, place)])
  await run(stage, 'kubectl', ['wait', 'job/sample-data', '--for=condition=Complete', '--timeout=180s'])
  say('tables, NIST SP 800-53 rev5 and six sample systems are in the database')
  const chart = ['upgrade', '--install', 'rapidrmf', join(ROOT, 'helm/rapidrmf'), '--wait', '--timeout=3m']
  await run(stage, 'helm', [...chart, '--values=-'], JSON.stringify(chartValues(place)))
  say('the chart is installed: the operator runs, a schedule fires each minute')
}

async function runNow(stage: Stage): Promise<void> {
  const token = new Date().toISOString()
  const request = `rapidrmf.io/run-requested-at=${token}`
  await run(stage, 'kubectl', ['annotate', 'vsched', SCHEDULE, request])
  say(`a run is asked for: kubectl annotate vsched ${SCHEDULE} ${request}`)
  const last = '--for=jsonpath={.status.lastRun.verdict}'
  await run(stage, 'kubectl', ['wait', `vsched/${SCHEDULE}`, last, '--timeout=180s'])
  say(styleText('bold', 'the first run has finished'))
}

/** Prints the objects that a user would look at. */
async function look(stage: Stage): Promise<void> {
  const at = (path: string): string[] => ['get', 'vsched', SCHEDULE, `--output=jsonpath={${path}}`]
  const schedules = await run(stage, 'kubectl', ['get', 'vsched'])
  const job = await run(stage, 'kubectl', at('.status.lastRun.job'))
  // The pod may have been deleted with an old Job.
  const log = await run(stage, 'kubectl', ['logs', `job/${job}`, '--tail=8']).catch(
    (error: Error) => error.message,
  )
  if (process.stdout.isTTY && !options.once) process.stdout.write('\u001b[2J\u001b[H')
  const section = (command: string, text: string): void =>
    void process.stdout.write(`\n${styleText('bold', `$ ${command}`)}\n${text.trimEnd()}\n`)
  section('kubectl get vsched', schedules)
  section(`kubectl logs job/${job}`, log)
  if (stage.databaseUrl !== undefined) section('rapidrmf scheduler runs', runsTable(stage.databaseUrl))
}

function runsTable(url: string): string {
  const args = [join(ROOT, 'job-image/main.ts'), 'scheduler', 'runs', '--limit=8']
  const { stdout, stderr } = spawnSync(process.execPath, [...args, '--config=examples/config.yaml'], {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: url },
    encoding: 'utf8',
  })
  return stdout || stderr
}

async function demonstrate(stage: Stage, place: SamplePlace): Promise<void> {
  stop.signal.throwIfAborted()
  await install(stage, place)
  await runNow(stage)
  await look(stage)
  if (options.once) return
  while (!stop.signal.aborted) {
    process.stdout.write(styleText('dim', '\nCtrl-C ends it and removes everything.\n'))
    await sleep(5_000, undefined, { signal: stop.signal }).catch(() => undefined)
    if (!stop.signal.aborted) await look(stage)
  }
}

async function demo(): Promise<void> {
  const place = await samplePlace()
  const stage = await (options.context === undefined ? ownCluster() : yourCluster(options.context))
  try {
    await demonstrate(stage, place)
  } finally {
    say('ending it …')
    await stage.end()
  }
}

await runScript('demo', async () => {
  try {
    await demo()
  } catch (error) {
    // An interruption causes the failure itself.
    if (!stop.signal.aborted) throw error
  }
})
