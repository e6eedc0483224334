// The programs as one CommonJS file each. The same sources give the same bytes: nothing of the machine or the clock goes in.
import { chmodSync, cpSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions, Plugin } from 'esbuild'

export const ROOT = join(import.meta.dirname, '..')

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }

export const SHARED: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node22',
  define: { RAPIDRMF_VERSION: JSON.stringify(version) },
  logLevel: 'warning',
}

/** A third of the bundle that every start would have to read, and nothing ever uses: */
const REPLACED: readonly (readonly [path: RegExp, source: string])[] = [
  // zod's messages in fifty languages,
  [/\/zod\/v4\/locales\/index\.js$/, `export { default as en } from './en.js'`],
  // and a compiler for migrations in TypeScript, where node-pg-migrate is given SQL only.
  [/\/jiti\/lib\/jiti\.mjs$/, 'export const createJiti = () => undefined'],
]

const REPLACE: Plugin = {
  name: 'replace',
  setup: (bundler) => {
    for (const [filter, contents] of REPLACED) {
      bundler.onLoad({ filter }, ({ path }) => ({ contents, resolveDir: dirname(path) }))
    }
  },
}

/**
 * The Kubernetes client does not say that its modules do nothing but define things, so that all of its generated models
 * came along: 50 MB of memory for classes that nothing uses.
 */
const WITHOUT_SIDE_EFFECTS = /[/\\]node_modules[/\\]@kubernetes[/\\]client-node[/\\]/

const SHAKE: Plugin = {
  name: 'shake',
  setup: (bundler) => {
    // Its imports name whole files, so that nothing has to be looked for: three thousand times, that takes long.
    bundler.onResolve({ filter: /^\.{1,2}\/.*\.js$/ }, ({ path, importer, resolveDir }) =>
      WITHOUT_SIDE_EFFECTS.test(importer) ? { path: join(resolveDir, path), sideEffects: false } : undefined,
    )
  },
}

/** The command line, with the files that it looks for beside itself. */
export async function buildCommandLine(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  cpSync(join(ROOT, 'job-image', 'assets'), join(folder, 'assets'), { recursive: true })
  cpSync(join(ROOT, 'migrations'), join(folder, 'migrations'), { recursive: true })
  await buildProgram(ENTRIES.job, join(folder, 'rapidrmf.cjs'))
}

export function buildOperator(folder: string): Promise<void> {
  return buildProgram(ENTRIES.operator, join(folder, 'operator.cjs'))
}

/** Of each image's program. */
export const ENTRIES = { job: 'job-image/main.ts', operator: 'operator/main.ts' } as const

/** Dynamic imports stay lazy inside the one file: a command pays for what it uses only. */
export function programOptions(entry: string): BuildOptions {
  return {
    ...SHARED,
    entryPoints: [entry],
    format: 'cjs',
    minify: true,
    // Modules find their files beside the bundle; see job-image/assets.ts.
    define: { ...SHARED.define, 'import.meta.dirname': '__dirname' },
    // pg's native binding is optional, and pg asks for it only where NODE_PG_FORCE_NATIVE is set.
    external: ['pg-native'],
    plugins: [REPLACE, SHAKE],
  }
}

async function buildProgram(entry: string, outfile: string): Promise<void> {
  await build({ ...programOptions(entry), outfile })
  chmodSync(outfile, 0o755)
}
