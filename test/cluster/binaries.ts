// Where the test cluster's programs come from: KUBEBUILDER_ASSETS, else the clone's cache, which is filled by building
// the module in binaries/ with Go.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { spawn, spawnSync } from 'node:child_process'
import { withBuildLock } from './build-lock.ts'

const MODULE = join(import.meta.dirname, 'binaries')
const CACHE = join(import.meta.dirname, '../../.cache/kubernetes')

const PACKAGES = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
} as const

export type Program = keyof typeof PACKAGES

/** Every cluster needs them, but for the scheduler, which is started on request; one directory has them all. */
export const CONTROL_PLANE: readonly Program[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
]

/** The programs lie in `directory` under their own names; or `missing` says why not, and what to do. */
export type Binaries = { readonly directory: string } | { readonly missing: string }

/** The first call on a machine builds them, which takes minutes; progress goes to stderr. */
export async function findBinaries(programs: readonly Program[] = CONTROL_PLANE): Promise<Binaries> {
  const given = process.env['KUBEBUILDER_ASSETS'] ?? ''
  const lacking = given === '' ? [] : absent(given, programs)
  if (given !== '' && lacking.length === 0) return { directory: given }
  if (given !== '') {
    // Programs of two Kubernetes versions do not mix: a controller manager may not be newer than its API server.
    say(`KUBEBUILDER_ASSETS (${given}) has no ${lacking.join(', ')}: the project's own programs are used`)
  }
  const directory = join(CACHE, cacheKey())
  if (absent(directory, programs).length === 0) return { directory }
  const go = spawnSync('go', ['version'], { encoding: 'utf8' })
  if (go.status !== 0) {
    return {
      missing:
        `the test cluster needs ${programs.join(', ')}: install Go 1.25 or newer (https://go.dev/doc/install), ` +
        'which then builds them, or set KUBEBUILDER_ASSETS to a directory that has them all',
    }
  }
  mkdirSync(directory, { recursive: true })
  try {
    await withBuildLock(join(directory, '.building'), say, async () => {
      for (const program of absent(directory, programs)) await build(program, directory)
    })
  } catch (error) {
    return { missing: `the test cluster's programs could not be built: ${(error as Error).message}` }
  }
  return { directory }
}

function kubernetesVersion(goMod: string): string {
  const found = /^\s*k8s\.io\/kubernetes v(\S+)$/m.exec(goMod)?.[1]
  if (found === undefined) throw new Error('test/cluster/binaries/go.mod does not require k8s.io/kubernetes')
  return found
}

function cacheKey(): string {
  const goMod = readFileSync(join(MODULE, 'go.mod'), 'utf8')
  const hash = createHash('sha256')
    .update(goMod)
    .update(readFileSync(join(MODULE, 'go.sum')))
  return `${kubernetesVersion(goMod)}-${hash.digest('hex').slice(0, 8)}`
}

function absent(directory: string, programs: readonly Program[]): Program[] {
  return programs.filter((program) => !existsSync(join(directory, program)))
}

/** Without these an API server built outside its own repository calls itself v0.0.0-master. */
function linkerFlags(): string {
  const version = kubernetesVersion(readFileSync(join(MODULE, 'go.mod'), 'utf8'))
  const [major, minor] = version.split('.')
  const stamps = [
    `k8s.io/component-base/version.gitVersion=v${version}`,
    `k8s.io/component-base/version.gitMajor=${major}`,
    `k8s.io/component-base/version.gitMinor=${minor}`,
    `k8s.io/client-go/pkg/version.gitVersion=v${version}`,
  ]
  return ['-s', '-w', ...stamps.map((stamp) => `-X ${stamp}`)].join(' ')
}

async function build(program: Program, directory: string): Promise<void> {
  // Moved into place when it is whole: a process that does not wait for the lock sees all of it or nothing.
  const fresh = join(directory, `.${program}-${process.pid}`)
  const args = ['build', '-v', '-trimpath', '-ldflags', linkerFlags(), '-o', fresh, PACKAGES[program]]
  const child = spawn('go', args, {
    cwd: MODULE,
    // An empty GOFLAGS would fall back to the person's `go env -w`; a workspace or another target would break the build.
    env: { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off', GOOS: '', GOARCH: '', CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const started = Date.now()
  const seconds = (): number => Math.round((Date.now() - started) / 1000)
  let packages = 0
  let tail: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    packages += text.split('\n').length - 1
    tail = [...tail, ...text.split('\n')].slice(-40)
  })
  say(`building ${program} …`)
  const tick = setInterval(() => say(`building ${program} … ${seconds()} s, ${packages} packages`), 15_000)
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject).once('close', resolve)
    })
    if (code !== 0) throw new Error(`go build of ${program} failed:\n${complaints(tail)}`)
    renameSync(fresh, join(directory, program))
    say(`built ${program} in ${seconds()} s`)
  } finally {
    clearInterval(tick)
    rmSync(fresh, { force: true })
  }
}

/** `go build -v` names each package as it is compiled; what else it says are errors and downloads. */
function complaints(lines: readonly string[]): string {
  return lines.filter((line) => line.trim() !== '' && !/^[\w.~/-]+$/.test(line)).join('\n')
}

function say(text: string): void {
  process.stderr.write(`test cluster: ${text}\n`)
}
