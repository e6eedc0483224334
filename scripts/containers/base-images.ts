// Stand-ins for the public images that the Dockerfile builds on, made of Debian's packages and the Node of this clone,
// laid out as distroless images are. A machine without a way to a container registry can build with them.
import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Docker } from './engine.ts'
import { quote } from './sandbox.ts'

export type BaseImages = {
  /** The image with Node, npm and a shell. */
  readonly build: string
  /** The image with only Node, at `node`. */
  readonly runtime: string
  readonly node: string
}

const ROOT = join(import.meta.dirname, '../..')
const NODE = join(ROOT, `node_modules/node-linux-${process.arch}/bin/node`)
const NODE_IN_IMAGE = '/nodejs/bin/node'
/** The packages of the libraries that Node links to, and of the files that each image needs. */
const PACKAGES = ['base-files', 'libc6', 'libgcc-s1', 'libstdc++6', 'tzdata', 'ca-certificates']

/** Builds both images once; later calls find them in the engine's cache. */
export async function makeBaseImages(engine: Docker): Promise<BaseImages> {
  const recipe = createHash('sha256')
    .update(readFileSync(import.meta.filename))
    .update(process.version)
    .digest('hex')
    .slice(0, 12)
  const images = { build: `rapidrmf-base-build:${recipe}`, runtime: `rapidrmf-base:${recipe}` }
  const there = await engine.docker(['images', '--format', '{{.Repository}}:{{.Tag}}'])
  if (!Object.values(images).every((image) => there.split('\n').includes(image))) {
    process.stderr.write('making the base images …\n')
    const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-base-'))
    try {
      fillRuntime(folder)
      await load(engine, folder, images.runtime, ['USER 65532', 'WORKDIR /home/nonroot'])
      addBuildTools(folder)
      await load(engine, folder, images.build, ['ENV PATH=/usr/local/bin:/bin'])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { ...images, node: NODE_IN_IMAGE }
}

function fillRuntime(root: string): void {
  const packages = mkdtempSync(join(tmpdir(), 'rapidrmf-packages-'))
  // apt-get fetches as a user of its own.
  chmodSync(packages, 0o777)
  try {
    command('apt-get', ['download', '-qq', ...PACKAGES], packages)
    for (const file of readdirSync(packages)) command('dpkg', ['-x', join(packages, file), root])
  } finally {
    rmSync(packages, { recursive: true, force: true })
  }
  for (const unused of [
    'usr/share/doc',
    'usr/share/locale',
    'usr/share/man',
    'usr/share/lintian',
    'usr/sbin',
  ]) {
    rmSync(join(root, unused), { recursive: true, force: true })
  }
  const authorities = join(root, 'usr/share/ca-certificates/mozilla')
  const bundle = readdirSync(authorities).map((name) => readFileSync(join(authorities, name), 'utf8'))
  mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true })
  writeFileSync(join(root, 'etc/ssl/certs/ca-certificates.crt'), bundle.join(''))
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
  )
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n')
  mkdirSync(join(root, 'home/nonroot'), { recursive: true })
  mkdirSync(join(root, dirname(NODE_IN_IMAGE)), { recursive: true })
  cpSync(NODE, join(root, NODE_IN_IMAGE))
}

function addBuildTools(root: string): void {
  const bin = join(root, 'usr/local/bin')
  mkdirSync(bin, { recursive: true })
  mkdirSync(join(root, 'bin'), { recursive: true })
  cpSync('/bin/busybox', join(root, 'bin/busybox'))
  symlinkSync('/bin/busybox', join(root, 'bin/sh'))
  symlinkSync('/bin/busybox', join(root, 'usr/bin/env'))
  symlinkSync(NODE_IN_IMAGE, join(bin, 'node'))
  cpSync(npmFolder(), join(root, 'usr/local/lib/node_modules/npm'), {
    recursive: true,
    verbatimSymlinks: true,
  })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(bin, 'npm'))
}

/** The folder of the npm on the PATH, whose command is a link into its package. */
function npmFolder(): string {
  const [found = ''] = command('which', ['npm']).split('\n')
  return join(dirname(realpathSync(found)), '..')
}

async function load(
  engine: Docker,
  folder: string,
  image: string,
  changes: readonly string[],
): Promise<void> {
  const archive = `${folder}.tar`
  try {
    command('tar', ['-C', folder, '--owner=0', '--group=0', '--numeric-owner', '-cf', archive, '.'])
    await engine.docker(['import', ...changes.flatMap((change) => ['--change', change]), archive, image])
  } finally {
    rmSync(archive, { force: true })
  }
}

function command(file: string, args: readonly string[], cwd = '/'): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${[file, ...args].map(quote).join(' ')}: ${error?.message ?? stderr}`)
  return stdout
}

/** The image that holds a pod's namespaces: a program that sleeps for ever. */
export async function makePauseImage(engine: Docker): Promise<string> {
  const image = 'rapidrmf-pause:1'
  if ((await engine.try(['image', 'inspect', image])).code === 0) return image
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-pause-'))
  try {
    cpSync('/bin/busybox', join(folder, 'busybox'))
    await load(engine, folder, image, ['ENTRYPOINT ["/busybox", "sleep", "2147483647"]'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return image
}
