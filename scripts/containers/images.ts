// Builds both images with the Dockerfile, on base images that are built on this machine.
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { makeBaseImages } from './base-images.ts'
import type { BaseImages } from './base-images.ts'
import type { Docker } from './engine.ts'

const ROOT = join(import.meta.dirname, '../..')

export const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string
}

export type Target = 'job' | 'operator'

export type Images = { readonly base: BaseImages } & Readonly<Record<Target, string>>

/** Builds the images and returns `name:version` of each. Unchanged layers come from the cache. */
export async function buildImages(engine: Docker): Promise<Images> {
  const base = await makeBaseImages(engine)
  return {
    base,
    job: await buildImage(engine, base, 'job'),
    operator: await buildImage(engine, base, 'operator'),
  }
}

export async function buildImage(
  engine: Docker,
  base: BaseImages,
  target: Target,
  { image = `rapidrmf-${target}:${VERSION}`, flags = [] }: { image?: string; flags?: readonly string[] } = {},
): Promise<string> {
  const settings = { BUILD_IMAGE: base.build, RUNTIME_IMAGE: base.runtime, NODE: base.node, VERSION }
  await engine.docker([
    'build',
    '--network=host',
    `--target=${target}`,
    `--tag=${image}`,
    ...Object.entries(settings).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...secrets(),
    ...flags,
    ROOT,
  ])
  return image
}

/** Debian's file of certificate authorities, to which an administrator adds those of the network. */
const SYSTEM_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'

/** Build arguments and secrets with which this machine reaches a package registry. They leave no trace in an image. */
function secrets(): string[] {
  const files = {
    npmrc: process.env['NPM_CONFIG_USERCONFIG'] ?? join(homedir(), '.npmrc'),
    ca: process.env['NODE_EXTRA_CA_CERTS'] ?? process.env['SSL_CERT_FILE'] ?? SYSTEM_AUTHORITIES,
  }
  return Object.entries(files)
    .filter(([, file]) => existsSync(file))
    .flatMap(([id, file]) => ['--secret', `id=${id},src=${file}`])
}
