import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folder =
  process.env['RAPIDRMF_OSCAL_DATA'] ?? join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'oscal')

/** NIST's and FedRAMP's own OSCAL files (public domain, too large for this repository), where this machine has them. */
export const OSCAL_DATA: string | undefined = existsSync(folder) ? folder : undefined

if (OSCAL_DATA === undefined) {
  process.stderr.write(
    'SKIPPED: tests on NIST and FedRAMP files: they are not here; set RAPIDRMF_OSCAL_DATA to their folder\n',
  )
}

/** Path of one of those files; only for tests that are skipped without them. */
export function oscalFile(...path: string[]): string {
  return join(OSCAL_DATA ?? folder, ...path)
}
