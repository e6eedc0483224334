import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Path of a file that ships with the program. The sources keep assets/ beside this file and the build copies it
 * beside the bundle, where esbuild sets import.meta.dirname to __dirname: the same join is right in both.
 */
export function assetPath(name: string): string {
  return join(import.meta.dirname, 'assets', name)
}

/** The folder of SQL migrations: beside the bundle, or at the top of the sources. */
export function migrationsDirectory(): string {
  const beside = join(import.meta.dirname, 'migrations')
  return existsSync(beside) ? beside : join(import.meta.dirname, '..', 'migrations')
}
