// Finds Helm on the machine, or builds it once with Go from the module in helm/.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { findPrograms } from '../control-plane/binaries.ts'
import type { GoModule } from '../control-plane/binaries.ts'
import type { Program } from './debian-program.ts'

const MODULE: GoModule<'helm'> = {
  name: 'helm',
  folder: join(import.meta.dirname, 'helm'),
  versionOf: 'helm.sh/helm/v4',
  go: '1.26',
  stamps: (version) => ({ 'helm.sh/helm/v4/internal/version.version': `v${version}` }),
  packages: { helm: 'helm.sh/helm/v4/cmd/helm' },
}

/** The program's path; or `missing`: why there is none, and what to do. */
export async function findHelm(): Promise<Program> {
  if (spawnSync('helm', ['version', '--short']).status === 0) return { program: 'helm' }
  const found = await findPrograms(MODULE, ['helm'])
  return 'missing' in found ? found : { program: join(found.directory, 'helm') }
}
