import { z } from 'zod'
import { parseDocument, readTextFile } from '../document.ts'
import type { SourceDocument } from '../document.ts'
import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import { canonicalControlId, displayControlId } from './control-id.ts'
import type { Prerequisite, Rule, RulePack } from './rule-set.ts'

/** Control characters and halves of surrogate pairs have no place in texts that are stored and printed. */
const line = (max: number): z.ZodString =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(max, `must not be longer than ${max} characters`)
    .regex(
      /^[^\p{Cc}\p{Cs}]*$/u,
      'must not contain control characters, line breaks or half of a surrogate pair',
    )

/** `evidence.evidence_type` is a varchar(100) and is compared as it is: a stray space would never match. */
const evidenceType = line(100).regex(/^\S(?:.*\S)?$/s, 'must not begin or end with a space')

const typeList = z
  .array(evidenceType)
  .superRefine((types, context) => {
    const seen = new Set<string>()
    for (const [index, type] of types.entries()) {
      if (!seen.has(type)) {
        seen.add(type)
        continue
      }
      context.addIssue({ code: 'custom', path: [index], message: `"${type}" is listed twice` })
    }
  })
  .default([])

const ruleSchema = z
  .strictObject({
    title: line(255).optional(),
    required_all: typeList,
    required_any: typeList,
    remediation: line(500).optional(),
  })
  .superRefine((rule, context) => {
    if (rule.required_all.length + rule.required_any.length > 0) return
    const message =
      'requires no evidence, so it would always pass; list types under required_all or required_any'
    context.addIssue({ code: 'custom', message })
  })

const controlId = z.string().transform((text, context) => {
  const id = canonicalControlId(text)
  if (id !== undefined) return id
  context.addIssue({ code: 'custom', message: notAControlId(text) })
  return z.NEVER
})

const packSchema = z.strictObject({
  name: line(100),
  title: line(255).optional(),
  families: z.record(z.string(), ruleSchema).default({}),
  controls: z.record(z.string(), ruleSchema).default({}),
  prerequisites: z
    .array(z.strictObject({ control: controlId, requires: controlId, blocking: z.boolean().default(true) }))
    .default([]),
})

type RuleSource = z.output<typeof ruleSchema>
type PackDocument = SourceDocument<z.output<typeof packSchema>>

export function readRulePack(file: string): RulePack {
  return parseRulePack(readTextFile(file, 'rule pack'), file)
}

/** Checks one pack by itself; throws one InputError with everything wrong, each as file:line:column. */
export function parseRulePack(text: string, file: string): RulePack {
  const document = parseDocument(text, file, packSchema)
  const { name, title = name } = document.value
  const problems: Problem[] = []
  const families = keyed(document, 'families', problems)
  const controls = keyed(document, 'controls', problems)
  const prerequisites = uniquePrerequisites(document, problems)
  if (problems.length > 0) throw new InputError(problems)
  const problemAtPrerequisite: RulePack['problemAtPrerequisite'] = (index, message) =>
    document.problemAt(['prerequisites', index], message)
  return { name, title, file, families, controls, prerequisites, problemAtPrerequisite }
}

/** How a section's keys are read, and what it says of one that cannot be. */
const KEYS = {
  families: {
    read: familyKey,
    refuse: (key: string) => `"${key}" is not a family; expected letters such as AC`,
  },
  controls: { read: canonicalControlId, refuse: notAControlId },
} as const

function keyed(document: PackDocument, section: keyof typeof KEYS, problems: Problem[]): Map<string, Rule> {
  const rules = new Map<string, Rule>()
  const spellings = new Map<string, string>()
  for (const [key, source] of Object.entries(document.value[section])) {
    const at = (message: string): number => problems.push(document.problemAt([section, key], message))
    const id = KEYS[section].read(key)
    const other = id === undefined ? undefined : spellings.get(id)
    if (id === undefined) at(KEYS[section].refuse(key))
    else if (other !== undefined) at(`is the same as "${other}" above; keep one of them`)
    else {
      spellings.set(id, key)
      rules.set(id, ruleOf(source, displayControlId(id), document.value.name))
    }
  }
  return rules
}

function ruleOf(source: RuleSource, defaultTitle: string, pack: string): Rule {
  const { title = defaultTitle, required_all: requiredAll, required_any: requiredAny } = source
  return { title, requiredAll, requiredAny, remediation: source.remediation ?? null, pack }
}

function uniquePrerequisites(document: PackDocument, problems: Problem[]): Prerequisite[] {
  const { name: pack, prerequisites } = document.value
  const seen = new Set<string>()
  for (const [index, { control, requires }] of prerequisites.entries()) {
    const edge = `${displayControlId(control)} requires ${displayControlId(requires)}`
    if (seen.has(edge))
      problems.push(document.problemAt(['prerequisites', index], `"${edge}" is listed twice`))
    seen.add(edge)
  }
  return prerequisites.map((edge) => ({ ...edge, pack }))
}

/** `controls.family` is a varchar(10). */
function familyKey(text: string): string | undefined {
  return /^[a-z]{1,10}$/i.test(text) ? text.toUpperCase() : undefined
}

function notAControlId(text: string): string {
  return `"${text}" is not a control id; expected one such as AC-2 or AC-2(1)`
}
