// npm run generate: writes the CustomResourceDefinition and its reference page from the schema in crds/.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { stringify } from 'yaml'
import {
  CRD_NAME,
  GROUP,
  KIND,
  LIST_KIND,
  PLURAL,
  SHORT_NAME,
  SINGULAR,
  VERSION,
  validationScheduleSchema,
} from '../crds/validation-schedule.ts'
import { apiReference } from './api-reference.ts'
import { structuralSchema } from './crd-schema.ts'

const ROOT = join(import.meta.dirname, '..')

export const CRD_FILE = `crds/${CRD_NAME}.yaml`
export const CHART_CRD_FILE = 'helm/rapidrmf/files/crd.yaml'
export const API_REFERENCE_FILE = 'docs/api.md'
export const GENERATE_COMMAND = 'npm run generate'

const readyCondition = (field: string): string => `.status.conditions[?(@.type=="Ready")].${field}`

/**
 * The printer columns. Their priority 0 shows them without `-o wide`. NEXT-RUN is a text because kubectl prints the age of
 * a `date`, and `<invalid>` for a future one.
 */
const COLUMNS = [
  ['Schedule', 'string', '.spec.schedule', 'When it runs'],
  ['Zone', 'string', '.spec.timeZone', 'Time zone of the schedule'],
  ['Suspended', 'boolean', '.status.cronJob.suspended', 'Whether the CronJob is suspended'],
  ['Ready', 'string', readyCondition('status'), 'Whether the CronJob is what the spec asks for'],
  ['Reason', 'string', readyCondition('reason'), 'Why, or why not'],
  ['Last-Run', 'date', '.status.lastRun.completionTime', 'How long ago the last run ended'],
  ['Verdict', 'string', '.status.lastRun.verdict', 'How the last run ended'],
  ['Pass', 'integer', '.status.lastRun.counts.pass', 'Results of the last run that are pass'],
  ['Not-Pass', 'integer', '.status.lastRun.counts.notPass', 'Results of the last run that are not pass'],
  ['Next-Run', 'string', '.status.nextScheduleTime', 'The next slot'],
  ['Age', 'date', '.metadata.creationTimestamp', 'Age of the schedule'],
] as const

function resourceDefinition(annotations?: Readonly<Record<string, string>>): object {
  const { properties = {} } = structuralSchema(validationScheduleSchema)
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: CRD_NAME, ...(annotations && { annotations }) },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: KIND,
        listKind: LIST_KIND,
        plural: PLURAL,
        singular: SINGULAR,
        shortNames: [SHORT_NAME],
        categories: ['rapidrmf'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: COLUMNS.map(([name, type, jsonPath, description]) => ({
            name,
            type,
            jsonPath,
            description,
          })),
          schema: {
            openAPIV3Schema: {
              description: 'Runs validations of one environment on a schedule, and says what came of them.',
              type: 'object',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                ...properties,
              },
            },
          },
        },
      ],
    },
  }
}

export function generateCrd(): Promise<string> {
  return crdFile(CRD_FILE, resourceDefinition())
}

/** The CRD for the chart. An annotation keeps it, and so all schedules, when the chart is uninstalled. */
export function generateChartCrd(): Promise<string> {
  return crdFile(CHART_CRD_FILE, resourceDefinition({ 'helm.sh/resource-policy': 'keep' }))
}

async function crdFile(file: string, definition: object): Promise<string> {
  const yaml = stringify(definition, { lineWidth: 100, aliasDuplicateObjects: false })
  return formatted(
    file,
    `# Generated from crds/validation-schedule.ts by "${GENERATE_COMMAND}"; not to be edited.\n${yaml}`,
  )
}

export async function generateApiReference(): Promise<string> {
  const page = apiReference(structuralSchema(validationScheduleSchema), COLUMNS)
  return formatted(
    API_REFERENCE_FILE,
    `<!-- Generated from crds/validation-schedule.ts by "${GENERATE_COMMAND}"; not to be edited. -->\n\n${page}`,
  )
}

/** Formats the text like `npm run format`, so that the two commands agree. */
async function formatted(file: string, text: string): Promise<string> {
  const path = join(ROOT, file)
  return format(text, { ...(await resolveConfig(path)), filepath: path })
}

if (import.meta.main) {
  for (const [file, generate] of [
    [CRD_FILE, generateCrd],
    [CHART_CRD_FILE, generateChartCrd],
    [API_REFERENCE_FILE, generateApiReference],
  ] as const) {
    const path = join(ROOT, file)
    const text = await generate()
    const before = readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    if (text !== before) writeFileSync(path, text)
    console.log(`${file}: ${text === before ? 'unchanged' : 'written'}`)
  }
}
