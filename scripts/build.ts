// node scripts/build.ts [--outdir dist]
// The programs, the command line's assets and migrations beside them, and the library as an ES module with its types.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { buildCommandLine, buildOperator, ROOT, SHARED } from './bundle.ts'

const { outdir } = parseArgs({ options: { outdir: { type: 'string', default: join(ROOT, 'dist') } } }).values
const DIST = resolve(outdir)

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
await buildCommandLine(DIST)
await buildOperator(DIST)
await buildLibrary('job-image/index.ts')
for (const file of readdirSync(DIST).filter((name) => /\.[cm]js$/.test(name))) {
  console.log(`${file}: ${Math.ceil(statSync(join(DIST, file)).size / 1024)} KiB`)
}
