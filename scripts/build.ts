// node scripts/build.ts [--outdir dist]
// The program as one CommonJS file with its assets and migrations beside it, and the library as an ES module with its
// types. The same sources give the same bytes: nothing of the machine or the clock goes in.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import type { BuildOptions, Plugin } from 'esbuild'

const ROOT = join(import.meta.dirname, '..')
const { outdir } = parseArgs({ options: { outdir: { type: 'string', default: join(ROOT, 'dist') } } }).values
const DIST = resolve(outdir)

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }

const SHARED: BuildOptions = {
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

/** Dynamic imports stay lazy inside the one file: a command pays for what it uses only. */
async function buildProgram(name: string, entry: string): Promise<void> {
  const outfile = join(DIST, `${name}.cjs`)
  await build({
    ...SHARED,
    entryPoints: [entry],
    outfile,
    format: 'cjs',
    minify: true,
    // Modules find their files beside the bundle; see job-image/assets.ts.
    define: { ...SHARED.define, 'import.meta.dirname': '__dirname' },
    // pg's native binding is optional, and pg asks for it only where NODE_PG_FORCE_NATIVE is set.
    external: ['pg-native'],
    plugins: [REPLACE],
  })
  chmodSync(outfile, 0o755)
}

/** What `import … from 'rapidrmf-scheduled-validation'` gives; its packages are installed beside it. */
async function buildLibrary(entry: string): Promise<void> {
  await build({
    ...SHARED,
    entryPoints: [entry],
    outfile: join(DIST, 'index.mjs'),
    format: 'esm',
    packages: 'external',
  })
  const types = ['-p', 'tsconfig.build.json', '--outDir', join(DIST, 'types')]
  execFileSync(join(ROOT, 'node_modules', '.bin', 'tsc'), types, { cwd: ROOT, stdio: 'inherit' })
}

rmSync(DIST, { recursive: true, force: true })
mkdirSync(DIST, { recursive: true })
cpSync(join(ROOT, 'job-image', 'assets'), join(DIST, 'assets'), { recursive: true })
cpSync(join(ROOT, 'migrations'), join(DIST, 'migrations'), { recursive: true })
await buildProgram('rapidrmf', 'job-image/main.ts')
await buildProgram('operator', 'operator/main.ts')
if (existsSync(join(ROOT, 'job-image', 'index.ts'))) await buildLibrary('job-image/index.ts')
for (const file of readdirSync(DIST).filter((name) => /\.[cm]js$/.test(name))) {
  console.log(`${file}: ${Math.ceil(statSync(join(DIST, file)).size / 1024)} KiB`)
}
