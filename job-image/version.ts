import { readFileSync } from 'node:fs'
import { join } from 'node:path'

declare const RAPIDRMF_VERSION: string | undefined

/** The version in package.json; the build writes it into the bundle. */
export const VERSION: string = typeof RAPIDRMF_VERSION === 'string' ? RAPIDRMF_VERSION : fromPackage()

/** Decisions of different majors are not comparable, so they never share a run. */
export const TOOL_MAJOR = Number(VERSION.split('.', 1)[0])

function fromPackage(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
