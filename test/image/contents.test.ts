import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MALLOC } from '../../bench/operator/process.ts'
import { describeImages } from './containers.ts'
import type { Containers } from './containers.ts'
import { buildImage, VERSION } from '../../scripts/containers/images.ts'
import type { Target } from '../../scripts/containers/images.ts'

const MIB = 1024 * 1024
const TARGETS: readonly Target[] = ['job', 'operator']

type Inspected = {
  readonly Size: number
  readonly Config: {
    readonly User: string
    readonly Entrypoint: readonly string[]
    readonly WorkingDir: string
    readonly Labels: Readonly<Record<string, string>>
    readonly Env: readonly string[]
    readonly ExposedPorts?: Readonly<Record<string, object>>
  }
  readonly RootFS: { readonly Layers: readonly string[] }
}

async function inspect({ docker }: Containers, image: string): Promise<Inspected> {
  const [found] = JSON.parse(await docker(['image', 'inspect', image])) as Inspected[]
  if (found === undefined) throw new Error(`no image ${image}`)
  return found
}

/** Lists the files of the image by `tar -tv`: mode, owner, size, path. */
async function listing({ docker }: Containers, image: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-listing-'))
  const name = `listing-${process.pid}-${Date.now()}`
  try {
    await docker(['create', '--name', name, image, 'none'])
    await docker(['export', '--output', join(folder, 'all.tar'), name])
    return execFileSync('tar', ['-tvf', join(folder, 'all.tar'), '--numeric-owner'], {
      encoding: 'utf8',
      maxBuffer: 64 * MIB,
    }).split('\n')
  } finally {
    await docker(['rm', name])
    rmSync(folder, { recursive: true, force: true })
  }
}

describeImages('what the images hold', (here) => {
  describe.each(TARGETS)('%s', (target) => {
    const image = here.images[target]

    it('has labels that describe it, and an unprivileged user', async () => {
      const { Config } = await inspect(here, image)
      expect(Config).toMatchObject({
        User: '65532:65532',
        Entrypoint: [
          { job: '/usr/local/bin/rapidrmf', operator: '/usr/local/bin/rapidrmf-operator' }[target],
        ],
        Labels: {
          'org.opencontainers.image.title': `rapidrmf-${target}`,
          'org.opencontainers.image.version': VERSION,
          'org.opencontainers.image.licenses': 'Apache-2.0',
        },
      })
      expect(Config.Labels['org.opencontainers.image.description']).toMatch(/\w/)
    })

    it('adds at most 15 MB to its base', async () => {
      const [whole, base] = await Promise.all([inspect(here, image), inspect(here, here.images.base.runtime)])
      const added = (whole.Size - base.Size) / MIB
      process.stdout.write(
        `${image}: ${added.toFixed(1)} MiB over a base of ${(base.Size / MIB).toFixed(0)} MiB\n`,
      )
      expect(added).toBeGreaterThan(0.5)
      expect(added).toBeLessThan(15)
    })

    it('contains time zones and certificate authorities, but no shell, package manager or package', async () => {
      const files = await listing(here, image)
      const paths = files.map((line) => `/${line.split(/\s+/)[5] ?? ''}`)
      const forbidden =
        /\/(sh|bash|dash|busybox|npm|npx|apt|apt-get|dpkg|esbuild|tsc)$|\/node_modules\/|\.ts$/
      expect(paths.filter((path) => forbidden.test(path))).toEqual([])
      expect(paths).toEqual(
        expect.arrayContaining([
          '/usr/share/zoneinfo/Europe/Berlin',
          '/etc/ssl/certs/ca-certificates.crt',
          '/app/LICENSE',
        ]),
      )
      // The image has no files of the build: neither settings nor remains of the cache's creation.
      expect(paths.filter((path) => /\/(\.npmrc|warm|root\/.+|src\/.+)$/.test(path))).toEqual([])
    })

    it('contains no file that its user can change', async () => {
      const files = await listing(here, image)
      const writable = files.filter((line) => {
        const [mode = '', owner = ''] = line.split(/\s+/)
        const [, , path = ''] = /^(\S+\s+){5}(\S+)/.exec(line) ?? []
        if (!/^(app|usr\/local|etc\/rapidrmf)/.test(path) || mode.startsWith('l')) return false
        return owner !== '0/0' || mode[8] === 'w' || mode[5] === 'w'
      })
      expect(writable).toEqual([])
    })

    it('has the same layers in each build', { timeout: 300_000 }, async () => {
      const again = await buildImage(here, here.images.base, target, {
        image: `${image}-again`,
        flags: ['--no-cache'],
      })
      const [first, second] = await Promise.all([inspect(here, image), inspect(here, again)])
      expect(second.RootFS.Layers).toEqual(first.RootFS.Layers)
      await here.docker(['rmi', again])
    })

    it('uses its compile cache', async () => {
      const { err } = await here.run(
        image,
        ['--help'],
        ['--read-only', '--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE'],
      )
      expect(err).toContain('was accepted')
    })
  })

  it('the job image reads its configuration from the mounted path', async () => {
    const { Config } = await inspect(here, here.images.job)
    expect(Config.WorkingDir).toBe('/etc/rapidrmf')
  })

  it('the operator image declares its port, and has the memory settings of the benchmark', async () => {
    const { Config } = await inspect(here, here.images.operator)
    expect(Config.ExposedPorts).toEqual({ '8080/tcp': {} })
    const malloc = Object.entries(MALLOC).map((variable) => variable.join('='))
    expect(Config.Env).toEqual(expect.arrayContaining(malloc))
  })
})
