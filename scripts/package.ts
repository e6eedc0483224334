// Writes the manifest of the npm package that other projects install from dist/. The repository's package.json also has
// the dependencies of development and of the operator: a pinned Node, which would replace the host project's, and the
// client of the Kubernetes API.
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'

/** The properties of the repository's package.json that go into the manifest. */
export type Project = {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly engines: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

export type Manifest = Project & {
  readonly type: 'module'
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
  readonly files: readonly string[]
}

/** Returns the manifest. `imported`: packages that the library and its types import, in the repository's exact versions. */
export function packageManifest(project: Project, imported: ReadonlySet<string>): Manifest {
  const { name, version, description, license, engines } = project
  const unknown = [...imported].filter((each) => !(each in project.dependencies))
  if (unknown.length > 0) throw new Error(`package.json has no dependency ${unknown.join(', ')}`)
  return {
    name,
    version,
    description,
    license,
    engines,
    type: 'module',
    bin: { rapidrmf: 'rapidrmf.cjs' },
    exports: {
      '.': { types: './types/job-image/index.d.ts', default: './index.mjs' },
      './package.json': './package.json',
      './schemas/*': './schemas/*',
    },
    files: ['rapidrmf.cjs', 'index.mjs', 'types', 'assets', 'migrations', 'schemas'],
    dependencies: Object.fromEntries(
      Object.entries(project.dependencies).filter(([each]) => imported.has(each)),
    ),
  }
}

/** The packages that a bundle imports without containing them. */
export function importedPackages({ outputs }: Metafile): string[] {
  const imports = Object.values(outputs).flatMap((output) => output.imports)
  return imports.flatMap(({ path, external }) => (external === true ? packageOf(path) : []))
}

/** The packages whose types the declarations in a folder use: their own ones, and those of DefinitelyTyped. */
export function packagesOfTypes(folder: string, { dependencies }: Project): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.d.ts'),
  )
  return files
    .flatMap((file) => [
      ...readFileSync(join(folder, file), 'utf8').matchAll(/(?:from |import\()["']([^"'.][^"']*)["']/g),
    ])
    .flatMap(([, path = '']) => packageOf(path))
    .flatMap((name) => [name, `@types/${name}`])
    .filter((name) => name in dependencies)
}

function packageOf(path: string): string[] {
  if (isBuiltin(path)) return []
  return [/^(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path]
}
