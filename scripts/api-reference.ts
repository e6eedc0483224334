// Generates docs/api.md: every field, condition, verdict, annotation and event, from the schema's descriptions.
import {
  API_VERSION,
  JOB_NAME_LABEL,
  JOB_UID_LABEL,
  KIND,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  RUN_REQUEST_ANNOTATION,
  RUN_REQUEST_TOKEN_ANNOTATION,
  SCHEDULE_NAME_ANNOTATION,
  SCHEDULE_UID_LABEL,
  SHORT_NAME,
  SLOT_ANNOTATION,
  conditions,
  events,
  verdictMeanings,
} from '../crds/validation-schedule.ts'
import type { StructuralSchema } from './crd-schema.ts'

type Row = readonly string[]
type Column = readonly [name: string, type: string, path: string, meaning: string]

/** One field of the API, with its path. */
type Field = { readonly path: string; readonly schema: StructuralSchema; readonly required: boolean }

export function apiReference(schema: StructuralSchema, columns: readonly Column[]): string {
  const { spec = {}, status = {} } = schema.properties ?? {}
  const specFields = fieldsOf(spec, 'spec')
  return [
    `# The ${KIND} API`,
    INTRODUCTION,
    '## Spec',
    fieldTable(specFields),
    '## What is refused',
    REFUSALS,
    table(
      ['Message', 'Fields'],
      [...Map.groupBy(rulesOf(spec, 'spec'), ({ message }) => message)].map(([message, places]) => [
        message,
        places.map(({ path }) => code(path)).join(', '),
      ]),
    ),
    '## Status',
    fieldTable(fieldsOf(status, 'status')),
    '## Conditions',
    CONDITIONS,
    ...Object.entries(conditions).flatMap(([type, { question, reasons }]) => [
      `### ${type}`,
      question,
      table(
        ['Reason', 'Meaning'],
        Object.entries(reasons).map(([reason, meaning]) => [code(reason), meaning]),
      ),
    ]),
    '## Verdicts',
    table(
      ['Verdict', 'Meaning'],
      Object.entries(verdictMeanings).map(([verdict, meaning]) => [code(verdict), meaning]),
    ),
    '## Labels and annotations',
    table(
      ['Name', 'Kind', 'On', 'Meaning'],
      NAMES.map(([name, ...rest]) => [code(name), ...rest]),
    ),
    SELECTING_PODS,
    '## Events',
    table(
      ['Reason', 'Type', 'Meaning'],
      Object.entries(events).map(([reason, { type, meaning }]) => [code(reason), type, meaning]),
    ),
    '## Columns',
    `What \`kubectl get ${SHORT_NAME}\` shows:`,
    table(
      ['Column', 'Field', 'Meaning'],
      columns.map(([name, , path, meaning]) => [name.toUpperCase(), code(path.slice(1)), meaning]),
    ),
  ].join('\n\n')
}

const INTRODUCTION = `\`${API_VERSION}\`, namespaced, short name \`${SHORT_NAME}\`. A ${KIND} becomes a CronJob of
Kubernetes, and its status says what came of the runs. The smallest one:

\`\`\`yaml
apiVersion: ${API_VERSION}
kind: ${KIND}
metadata:
  name: nightly
spec:
  environment: production
  schedule: '0 2 * * *'
  config:
    configMapKeyRef: { name: rapidrmf, key: config.yaml }
\`\`\`

Fields of Kubernetes' own API under \`spec.job.pod\` mean what they mean in a pod; they are handed through.`

const REFUSALS = `Types, bounds and required fields apart, the API server checks these rules when a schedule is written, and
refuses it with the message. Whether a time zone exists, or a field of the schedule is in range, it says when the operator
writes the CronJob: its error is then the message of the condition \`Accepted\`.`

const CONDITIONS = `Each has the \`observedGeneration\` it was evaluated for. \`kubectl wait --for=condition=Ready\` and tools that follow
kstatus understand them.`

const SELECTING_PODS = `A selector (\`-l\`) finds labels only, and the name of a schedule is an annotation because it may be longer than a label.
So select the pods and logs of one schedule by its UID:

\`\`\`sh
uid=$(kubectl get ${SHORT_NAME} nightly -o jsonpath='{.metadata.uid}')
kubectl get pods -l ${SCHEDULE_UID_LABEL}=$uid
kubectl logs -l ${SCHEDULE_UID_LABEL}=$uid --tail=-1
\`\`\``

const NAMES: readonly (readonly [name: string, kind: 'label' | 'annotation', on: string, meaning: string])[] =
  [
    [
      RUN_REQUEST_ANNOTATION,
      'annotation',
      KIND,
      'Any text; each new one starts one run now, also while suspended. It waits until an active run has ended. ' +
        '`status.lastHandledRunRequest` repeats it when the run was made.',
    ],
    [SCHEDULE_UID_LABEL, 'label', 'CronJob, Job, pod', 'UID of the schedule.'],
    [MANAGED_BY_LABEL, 'label', 'CronJob, Job, pod', `\`${MANAGED_BY}\`.`],
    [SCHEDULE_NAME_ANNOTATION, 'annotation', 'CronJob, Job, pod', 'Name of the schedule, in full.'],
    [RUN_REQUEST_TOKEN_ANNOTATION, 'annotation', 'Job', 'The run request that it was made for.'],
    [SLOT_ANNOTATION, 'annotation', 'Job', 'The slot; set by Kubernetes, missing on manual Jobs.'],
    [JOB_UID_LABEL, 'label', 'pod', "The Job's UID, which is the run's key; set by Kubernetes."],
    [JOB_NAME_LABEL, 'label', 'pod', "The Job's name; set by Kubernetes."],
  ]

// ── Fields ──────────────────────────────────────────────────────────────────────────────────────────────────────

function fieldsOf(schema: StructuralSchema, path: string): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const own = `${path}.${name}`
    const field = { path: own, schema: member, required: schema.required?.includes(name) ?? false }
    return [field, ...membersOf(member, own)]
  })
}

/** Our own members get rows of their own; Kubernetes' are listed in the row of the whole. */
function membersOf(schema: StructuralSchema, path: string): Field[] {
  if (!isOurs(schema)) return []
  return schema.items === undefined ? fieldsOf(schema, path) : fieldsOf(schema.items, `${path}[]`)
}

function isOurs(schema: StructuralSchema): boolean {
  const members = Object.values((schema.items ?? schema).properties ?? {})
  return members.some(({ description }) => description !== undefined)
}

function fieldTable(fields: readonly Field[]): string {
  const rows = fields.map(({ path, schema, required }) => [
    code(path),
    typeOf(schema),
    required ? 'required' : defaultOf(schema),
    boundsOf(schema),
    meaningOf(schema),
  ])
  return table(['Field', 'Type', 'Default', 'Bounds', 'Meaning'], rows)
}

function typeOf(schema: StructuralSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(', ')
  if (schema['x-kubernetes-int-or-string'] === true) return 'quantity'
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}s`
  if (schema.additionalProperties !== undefined) return `map to ${typeOf(schema.additionalProperties)}`
  if (schema.format === 'date-time') return 'time'
  return schema.type ?? 'any'
}

function meaningOf(schema: StructuralSchema): string {
  const part = schema.items ?? schema
  const { description = '' } = schema
  if (part.properties === undefined || isOurs(schema)) return description
  const open = part['x-kubernetes-preserve-unknown-fields'] === true ? ', …' : ''
  return `${description} Fields: ${Object.keys(part.properties).map(code).join(', ')}${open}.`
}

function defaultOf({ default: value }: StructuralSchema): string {
  return value === undefined || typeof value === 'object'
    ? ''
    : code(JSON.stringify(value).replaceAll('"', ''))
}

function boundsOf(schema: StructuralSchema): string {
  const { minimum, maximum, minLength, maxLength, maxItems, maxProperties } = schema
  const texts = [
    range(minimum, maximum, ''),
    range(minLength, maxLength, ' characters'),
    range(undefined, maxItems, ' entries'),
    range(undefined, maxProperties, ' entries'),
  ]
  return texts.filter((text) => text !== '').join('; ')
}

function range(low: number | undefined, high: number | undefined, unit: string): string {
  if (low === undefined) return high === undefined ? '' : `at most ${number(high)}${unit}`
  return high === undefined ? `at least ${number(low)}${unit}` : `${number(low)} to ${number(high)}${unit}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

type PlacedRule = { readonly path: string; readonly message: string }

function rulesOf(schema: StructuralSchema, path: string): PlacedRule[] {
  const { properties = {}, additionalProperties, items } = schema
  return [
    ...(schema['x-kubernetes-validations'] ?? []).map(({ message }) => ({ path, message })),
    ...Object.entries(properties).flatMap(([name, member]) => rulesOf(member, `${path}.${name}`)),
    ...(additionalProperties === undefined ? [] : rulesOf(additionalProperties, `${path}.*`)),
    ...(items === undefined ? [] : rulesOf(items, `${path}[]`)),
  ]
}

// ── Markdown ────────────────────────────────────────────────────────────────────────────────────────────────────

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function code(text: string): string {
  return `\`${text}\``
}
