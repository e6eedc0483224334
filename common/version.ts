import { readFileSync } from 'node:fs'
import { join } from 'node:path'

declare const RAPIDRMF_VERSION: string | undefined

/**
 * The version in package.json, which the build writes into the bundle. Releases may evaluate differently, so two
 * versions neither share a run nor reuse each other's results.
 */
export const VERSION: string = typeof RAPIDRMF_VERSION === 'string' ? RAPIDRMF_VERSION : fromPackage()

function fromPackage(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
