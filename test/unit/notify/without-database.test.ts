import { build } from 'esbuild'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')

it.each(['http.ts', 'cloud-event.ts', 'signature.ts', 'webhook.ts', 'slack.ts'])(
  '%s brings no package along, so that the operator can use it',
  async (file) => {
    const { metafile } = await build({
      absWorkingDir: ROOT,
      entryPoints: [`job-image/notify/${file}`],
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      write: false,
      metafile: true,
    })
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports)
    const packages = imports.flatMap(({ path, external }) => (external === true ? [path] : []))
    expect(packages.filter((path) => !path.startsWith('node:'))).toEqual([])
  },
)
