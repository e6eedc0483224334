import { build } from 'esbuild'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')

/** The packages that a program or a file needs. */
async function packagesOf(entry: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    write: false,
    metafile: true,
  })
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports)
  const packages = imports.flatMap(({ path, external }) => (external === true ? [path] : []))
  return packages.filter((path) => !path.startsWith('node:'))
}

it('the operator needs neither a database nor a mail server', async () => {
  const packages = await packagesOf('operator/main.ts')
  expect(packages).toContain('undici')
  expect(packages.filter((name) => /^(pg|pg-.*|node-pg-migrate|nodemailer)$/.test(name))).toEqual([])
})

it.each(['http.ts', 'cloud-event.ts', 'signature.ts', 'webhook.ts', 'slack.ts'])(
  '%s brings no package along, so that the operator can use it',
  async (file) => {
    expect(await packagesOf(`job-image/notify/${file}`)).toEqual([])
  },
)
