// Finds the tests' Go programs: in KUBEBUILDER_ASSETS, or else in the clone's cache, which is filled by building a Go
// module of this project. The module of the test cluster is in binaries/.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { spawn, spawnSync } from 'node:child_process'
import { withBuildLock } from './build-lock.ts'

const CACHE = join(import.meta.dirname, '../../.cache')

/** Programs that are built together, with their versions pinned by a go.mod and a go.sum. */
export type GoModule<Name extends string = string> = {
  /** The name of the folder in the cache, also used in messages. */
  readonly name: string
  readonly folder: string
  /** The required module whose version all programs have. */
  readonly versionOf: string
  /** The oldest Go that builds it. */
  readonly go: string
  /** Variables that the linker sets. Programs that are built outside their repository have no version otherwise. */
  readonly stamps: (version: string) => Readonly<Record<string, string>>
  readonly packages: Readonly<Record<Name, string>>
}

const PACKAGES = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
} as const

export type Program = keyof typeof PACKAGES

const KUBERNETES: GoModule<Program> = {
  name: 'kubernetes',
  folder: join(import.meta.dirname, 'binaries'),
  versionOf: 'k8s.io/kubernetes',
  go: '1.25',
  stamps: (version) => {
    const [major = '', minor = ''] = version.split('.')
    return {
      'k8s.io/component-base/version.gitVersion': `v${version}`,
      'k8s.io/component-base/version.gitMajor': major,
      'k8s.io/component-base/version.gitMinor': minor,
      'k8s.io/client-go/pkg/version.gitVersion': `v${version}`,
    }
  },
  packages: PACKAGES,
}

/** The programs of a cluster, in one directory. The scheduler is started only on request. */
export const CONTROL_PLANE: readonly Program[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
]

/** The `directory` of the programs; or `missing`: why there is none, and what to do. */
export type Binaries = { readonly directory: string } | { readonly missing: string }

/** The module of the test cluster. */
export function findBinaries(programs: readonly Program[] = CONTROL_PLANE): Promise<Binaries> {
  return findPrograms(KUBERNETES, programs)
}

/** Finds or builds the programs. The first build takes minutes; its progress goes to stderr. */
export async function findPrograms<Name extends string>(
  module: GoModule<Name>,
  programs: readonly Name[],
): Promise<Binaries> {
  const given = process.env['KUBEBUILDER_ASSETS'] ?? ''
  const lacking = given === '' ? [] : absent(given, programs)
  if (given !== '' && lacking.length === 0) return { directory: given }
  if (given !== '') {
    // Programs of two Kubernetes versions do not mix: a controller manager may not be newer than its API server.
    say(`KUBEBUILDER_ASSETS (${given}) has no ${lacking.join(', ')}: the project's own programs are used`)
  }
  const directory = join(CACHE, module.name, cacheKey(module))
  if (absent(directory, programs).length === 0) return { directory }
  const go = spawnSync('go', ['version'], { encoding: 'utf8' })
  if (go.status !== 0) {
    return {
      missing:
        `needs ${programs.join(', ')}: install Go ${module.go} or newer (https://go.dev/doc/install), ` +
        'which then builds them, or set KUBEBUILDER_ASSETS to a directory that has them all',
    }
  }
  mkdirSync(directory, { recursive: true })
  try {
    await withBuildLock(join(directory, '.building'), say, async () => {
      for (const program of absent(directory, programs)) await build(module, program, directory)
    })
  } catch (error) {
    return { missing: `${programs.join(', ')} could not be built: ${(error as Error).message}` }
  }
  return { directory }
}

function versionOf({ folder, versionOf }: GoModule): string {
  const file = join(folder, 'go.mod')
  const words = readFileSync(file, 'utf8').split(/\s+/)
  const version = words[words.indexOf(versionOf) + 1]
  if (!words.includes(versionOf) || version === undefined)
    throw new Error(`${file} does not require ${versionOf}`)
  return version.replace(/^v/, '')
}

function cacheKey(module: GoModule): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(module.folder, file)))
  return `${versionOf(module)}-${hash.digest('hex').slice(0, 8)}`
}

function absent<Name extends string>(directory: string, programs: readonly Name[]): Name[] {
  return programs.filter((program) => !existsSync(join(directory, program)))
}

function linkerFlags(module: GoModule): string {
  const stamps = Object.entries(module.stamps(versionOf(module)))
  return ['-s', '-w', ...stamps.map(([variable, value]) => `-X ${variable}=${value}`)].join(' ')
}

async function build<Name extends string>(
  module: GoModule<Name>,
  program: Name,
  directory: string,
): Promise<void> {
  // The rename makes the complete folder visible at once to processes that do not wait for the lock.
  const fresh = join(directory, `.${program}-${process.pid}`)
  const flags = ['-trimpath', '-ldflags', linkerFlags(module)]
  const args = ['build', '-v', ...flags, '-o', fresh, module.packages[program]]
  const child = spawn('go', args, {
    cwd: module.folder,
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

/** The output of `go build -v` without its progress lines, which are the names of packages: errors and downloads. */
function complaints(lines: readonly string[]): string {
  return lines.filter((line) => line.trim() !== '' && !/^[\w.~/-]+$/.test(line)).join('\n')
}

function say(text: string): void {
  process.stderr.write(`test programs: ${text}\n`)
}
