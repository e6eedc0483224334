import { build } from 'esbuild'
import type { Metafile } from 'esbuild'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')

/** The files that a program or a file of ours is made of, with what each of them imports. */
export async function importsOf(entry: string): Promise<Metafile['inputs']> {
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
  return metafile.inputs
}
