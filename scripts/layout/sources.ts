import { readFileSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'

/** A TypeScript file of the project. Paths are relative to the root, with forward slashes. */
export type Source = {
  readonly path: string
  readonly text: string
  /** The project's files that it imports, type imports included. */
  readonly imports: readonly string[]
  /** The packages and Node modules that it imports. */
  readonly packages: readonly string[]
}

const IMPORT = /(?:\bfrom|\bimport\(|^import)\s*'([^'\n]+)'/gm

export function sourceOf(path: string, text: string): Source {
  const specifiers = [...text.matchAll(IMPORT)].map(([, specifier = '']) => specifier)
  const isOurs = (specifier: string): boolean => specifier.startsWith('.')
  return {
    path,
    text,
    imports: specifiers.filter(isOurs).map((specifier) => posix.join(posix.dirname(path), specifier)),
    packages: specifiers.filter((specifier) => !isOurs(specifier)),
  }
}

/** All TypeScript files in these folders of the root. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((file) => posix.join(folder, file.replaceAll('\\', '/')))
      .filter((path) => path.endsWith('.ts'))
      .toSorted()
      .map((path) => sourceOf(path, readFileSync(join(root, path), 'utf8'))),
  )
}

/** The folder of a file. A file at the top of a program counts as a folder: it is an entry point or a leaf. */
export function folderOf(path: string): string {
  const folder = posix.dirname(path)
  return folder.includes('/') || !PROGRAMS.includes(folder) ? folder : path
}

/** The folders of the programs' sources. Each file belongs to one of them. */
export const PROGRAMS: readonly string[] = ['common', 'crds', 'operator', 'job-image']
