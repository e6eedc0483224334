import { readFileSync } from 'node:fs'
import { join } from 'node:path'

declare const RAPIDRMF_VERSION: string | undefined

/**
 * The version in package.json; the build writes it into the bundle. Any release may decide differently, so those of two
 * versions neither share a run nor take over each other's decisions.
 */
export const VERSION: string = typeof RAPIDRMF_VERSION === 'string' ? RAPIDRMF_VERSION : fromPackage()

function fromPackage(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
