// node scripts/sbom.ts [--outdir dist]: lists the contents of each image's program as CycloneDX 1.6. The packages are those
// with a file in the bundle; versions, licences and hashes come from package-lock.json. The base image describes its own
// contents (Node, time zones, authorities).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { ENTRIES, programOptions, ROOT } from './bundle.ts'

type Locked = {
  readonly version: string
  readonly license?: string
  readonly integrity?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}
type Lockfile = { readonly packages: Readonly<Record<string, Locked>> }

type Licences = readonly [{ readonly license: { readonly id: string } } | { readonly expression: string }]

export type Component = {
  readonly type: 'library' | 'container'
  readonly 'bom-ref': string
  readonly group?: string
  readonly name: string
  readonly version: string
  readonly purl?: string
  readonly licenses: Licences
  readonly hashes?: readonly [{ readonly alg: 'SHA-512'; readonly content: string }]
}

export type Sbom = {
  readonly bomFormat: 'CycloneDX'
  readonly specVersion: '1.6'
  readonly version: 1
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

/** Returns the SBOM. The same sources give the same text: it has no time stamp and no serial number. */
export async function sbom(image: keyof typeof ENTRIES): Promise<Sbom> {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lockfile
  const folders = await bundledFolders(ENTRIES[image])
  const refs = new Map(folders.map((folder) => [folder, purlOf(folder, locked(packages, folder))]))
  const self = packages['']
  if (self === undefined) throw new Error('package-lock.json does not name the project itself')
  const container: Component = {
    type: 'container',
    'bom-ref': `rapidrmf-${image}`,
    name: `rapidrmf-${image}`,
    version: self.version,
    licenses: licences(self, 'the project'),
  }
  const refsOf = (from: string, of: Locked): string[] =>
    Object.keys({ ...of.dependencies, ...of.optionalDependencies, ...of.peerDependencies })
      .map((name) => refs.get(resolve(packages, from, name) ?? ''))
      .filter((ref) => ref !== undefined)
      .sort()
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: container },
    components: folders.map((folder) => component(folder, locked(packages, folder))),
    dependencies: [
      { ref: container['bom-ref'], dependsOn: refsOf('', self) },
      ...folders.map((folder) => ({
        ref: refs.get(folder) ?? '',
        dependsOn: refsOf(folder, locked(packages, folder)),
      })),
    ],
  }
}

/** The folders of the packages with a file in the bundle, such as `node_modules/pg`. */
async function bundledFolders(entry: string): Promise<string[]> {
  const { metafile } = await build({ ...programOptions(entry), write: false, metafile: true })
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs))
  const folders = used
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    // The pattern is greedy because packages can be nested. The text before the first folder is the clone's path.
    .map(([path]) => /node_modules\/(.*node_modules\/)?(@[^/]+\/)?[^/]+/.exec(path)?.[0])
    .filter((folder) => folder !== undefined)
  return [...new Set(folders)].sort()
}

function locked(packages: Lockfile['packages'], folder: string): Locked {
  const found = packages[folder]
  if (found === undefined) throw new Error(`package-lock.json has no ${folder}: run npm install`)
  return found
}

/** Finds a package like Node does: in the folder of the importing package, then in its parents. */
function resolve(packages: Lockfile['packages'], from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    const candidate = join(folder, 'node_modules', name)
    if (candidate in packages) return candidate
    if (folder === '') return undefined
  }
}

function component(folder: string, found: Locked): Component {
  const { group, name } = nameOf(folder)
  const purl = purlOf(folder, found)
  const hash = /^sha512-(.+)$/.exec(found.integrity ?? '')?.[1]
  return {
    type: 'library',
    'bom-ref': purl,
    ...(group === undefined ? {} : { group }),
    name,
    version: found.version,
    purl,
    licenses: licences(found, folder),
    ...(hash === undefined
      ? {}
      : { hashes: [{ alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') }] }),
  }
}

function nameOf(folder: string): { readonly group: string | undefined; readonly name: string } {
  const [name = '', group] = folder
    .slice(folder.lastIndexOf('node_modules/'))
    .split('/')
    .slice(1)
    .toReversed()
  return { group, name }
}

function purlOf(folder: string, { version }: Locked): string {
  const { group, name } = nameOf(folder)
  return `pkg:npm/${group === undefined ? '' : `${encodeURIComponent(group)}/`}${name}@${version}`
}

function licences({ license }: Locked, of: string): Licences {
  if (license === undefined) throw new Error(`package-lock.json names no licence of ${of}`)
  return [/[\s()]/.test(license) ? { expression: license } : { license: { id: license } }]
}

if (import.meta.main) {
  const { outdir } = parseArgs({
    options: { outdir: { type: 'string', default: join(ROOT, 'dist') } },
  }).values
  mkdirSync(outdir, { recursive: true })
  for (const image of Object.keys(ENTRIES) as (keyof typeof ENTRIES)[]) {
    const bom = await sbom(image)
    const file = join(outdir, `rapidrmf-${image}.cdx.json`)
    writeFileSync(file, `${JSON.stringify(bom, null, 2)}\n`)
    console.log(`${file}: ${bom.components.length} packages`)
  }
}
