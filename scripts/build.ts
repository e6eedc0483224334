// node scripts/build.ts [--outdir dist]
// Builds the programs, the command line's assets and migrations, and the library as an ES module with its types.
// `npm pack` in the folder makes the package that other projects install. It contains everything except the operator.
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { buildCommandLine, buildOperator, ROOT, SHARED } from './bundle.ts'
import { SCHEMA_FOLDER } from './generate-schemas.ts'
import { importedPackages, packageManifest, packagesOfTypes } from './package.ts'
import type { Project } from './package.ts'

const { outdir } = parseArgs({ options: { outdir: { type: 'string', default: join(ROOT, 'dist') } } }).values
const DIST = resolve(outdir)

/** Builds the library, `import … from 'rapidrmf-scheduled-validation'`; returns the packages that it depends on. */
async function buildLibrary(entry: string, project: Project): Promise<Set<string>> {
  const { metafile } = await build({
    ...SHARED,
    entryPoints: [entry],
    outfile: join(DIST, 'index.mjs'),
    format: 'esm',
    packages: 'external',
    metafile: true,
  })
  const types = join(DIST, 'types')
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
  execFileSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', types], { cwd: ROOT, stdio: 'inherit' })
  return new Set([...importedPackages(metafile), ...packagesOfTypes(types, project)])
}

rmSync(DIST, { recursive: true, force: true })
mkdirSync(DIST, { recursive: true })
await buildCommandLine(DIST)
await buildOperator(DIST)
const project = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Project
const imported = await buildLibrary('job-image/index.ts', project)
writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(packageManifest(project, imported), null, 2)}\n`)
cpSync(join(ROOT, SCHEMA_FOLDER), join(DIST, SCHEMA_FOLDER), { recursive: true })
for (const file of ['README.md', 'LICENSE']) copyFileSync(join(ROOT, file), join(DIST, file))
for (const file of readdirSync(DIST).filter((name) => /\.[cm]js$/.test(name))) {
  console.log(`${file}: ${Math.ceil(statSync(join(DIST, file)).size / 1024)} KiB`)
}
