import { join } from 'node:path'
import { build } from 'esbuild'

const ROOT = join(import.meta.dirname, '..', '..')

/** The operator as one file, as an image would hold it; returns its path. */
export async function bundleOperator(directory: string): Promise<string> {
  const outfile = join(directory, 'operator.cjs')
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['operator/main.ts'],
    outfile,
    bundle: true,
    minify: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    logLevel: 'warning',
  })
  return outfile
}
