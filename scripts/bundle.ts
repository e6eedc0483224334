// Bundles each program into one CommonJS file. The same sources give the same bytes on any machine and at any time.
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

/** Modules that no program uses. They would be a third of the bundle, which is read at every start: */
const REPLACED: readonly (readonly [path: RegExp, source: string])[] = [
  // zod's messages in fifty languages,
  [/\/zod\/v4\/locales\/index\.js$/, `export { default as en } from './en.js'`],
  // and a compiler for migrations in TypeScript, because all migrations are SQL.
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
 * Marks the modules of the Kubernetes client as free of side effects, which its package.json does not declare. Otherwise
 * all of its generated models are bundled: 50 MB of memory for unused classes.
 */
const WITHOUT_SIDE_EFFECTS = /[/\\]node_modules[/\\]@kubernetes[/\\]client-node[/\\]/

const SHAKE: Plugin = {
  name: 'shake',
  setup: (bundler) => {
    // Its imports name whole files, which saves a slow lookup for each of its three thousand modules.
    bundler.onResolve({ filter: /^\.{1,2}\/.*\.js$/ }, ({ path, importer, resolveDir }) =>
      WITHOUT_SIDE_EFFECTS.test(importer) ? { path: join(resolveDir, path), sideEffects: false } : undefined,
    )
  },
}

/** Bundles the command line, and copies the files that it reads. */
export async function buildCommandLine(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  cpSync(join(ROOT, 'job-image', 'assets'), join(folder, 'assets'), { recursive: true })
  cpSync(join(ROOT, 'migrations'), join(folder, 'migrations'), { recursive: true })
  await buildProgram(ENTRIES.job, join(folder, 'rapidrmf.cjs'))
}

export function buildOperator(folder: string): Promise<void> {
  return buildProgram(ENTRIES.operator, join(folder, 'operator.cjs'))
}

/** The entry point of each image's program. */
export const ENTRIES = { job: 'job-image/main.ts', operator: 'operator/main.ts' } as const

/** Bundles a program. Dynamic imports stay lazy within the file: a command loads only what it uses. */
export function programOptions(entry: string): BuildOptions {
  return {
    ...SHARED,
    entryPoints: [entry],
    format: 'cjs',
    minify: true,
    // Modules read their files from the bundle's folder; see job-image/assets.ts.
    define: { ...SHARED.define, 'import.meta.dirname': '__dirname' },
    // pg's native binding is optional, and pg loads it only if NODE_PG_FORCE_NATIVE is set.
    external: ['pg-native'],
    plugins: [REPLACE, SHAKE],
  }
}

async function buildProgram(entry: string, outfile: string): Promise<void> {
  await build({ ...programOptions(entry), outfile })
  chmodSync(outfile, 0o755)
}
