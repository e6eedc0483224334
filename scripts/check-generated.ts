// Fails when a generated file is not what its generator makes today: it was edited by hand, or its input changed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NIST_INDEX_FILE, buildNistIndex, nistDataFolder } from './build-nist-index.ts'
import {
  API_REFERENCE_FILE,
  CHART_CRD_FILE,
  CRD_FILE,
  GENERATE_COMMAND,
  generateApiReference,
  generateChartCrd,
  generateCrd,
} from './generate-crd.ts'
import { SCHEMA_FILES } from './generate-schemas.ts'

const ROOT = join(import.meta.dirname, '..')

/** One generated file; `generate` returns undefined if its inputs are missing, for the reason `unavailable`. */
type Generated = {
  readonly file: string
  readonly command: string
  readonly generate: () => string | undefined | Promise<string | undefined>
  readonly unavailable?: string
}

const GENERATED: readonly Generated[] = [
  {
    file: NIST_INDEX_FILE,
    command: 'node scripts/build-nist-index.ts',
    generate: () => {
      const folder = nistDataFolder()
      return folder === undefined ? undefined : buildNistIndex(folder)
    },
    unavailable: "NIST's OSCAL files are not here (RAPIDRMF_OSCAL_DATA names their folder)",
  },
  { file: CRD_FILE, command: GENERATE_COMMAND, generate: generateCrd },
  { file: CHART_CRD_FILE, command: GENERATE_COMMAND, generate: generateChartCrd },
  { file: API_REFERENCE_FILE, command: GENERATE_COMMAND, generate: generateApiReference },
  ...SCHEMA_FILES.map(({ file, generate }) => ({ file, command: GENERATE_COMMAND, generate })),
]

let stale = 0
for (const { file, command, generate, unavailable } of GENERATED) {
  const wanted = await generate()
  if (wanted === undefined) {
    console.log(`${file}: NOT CHECKED: ${unavailable ?? 'its inputs are missing'}`)
  } else if (wanted === readFileSync(join(ROOT, file), 'utf8')) {
    console.log(`${file}: up to date`)
  } else {
    stale += 1
    console.error(`${file}: differs from what its generator makes; run: ${command}`)
  }
}
process.exitCode = stale > 0 ? 1 : 0
