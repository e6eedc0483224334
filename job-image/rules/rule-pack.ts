import { z } from 'zod'
import { parseDocument, readTextFile } from '../document.ts'
import type { SourceDocument } from '../document.ts'
import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import { canonicalControlId, displayControlId } from './control-id.ts'
import { NIST_800_53, frameworkName, namesFramework } from './framework.ts'
import type { Edge } from './order.ts'
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

/** `catalogs.framework` is a varchar(100). A pack that names none is for NIST SP 800-53 in every revision. */
const frameworkList = z
  .array(line(100).transform(frameworkName))
  .min(1, 'name at least one framework, such as nist-800-53')
  .superRefine((frameworks, context) => {
    for (const [index, framework] of frameworks.entries()) {
      const isTwin = frameworks.indexOf(framework) < index
      const message = isTwin ? `"${framework}" is listed twice` : frameworkProblem(framework)
      if (message !== undefined) context.addIssue({ code: 'custom', path: [index], message })
    }
  })
  .default([NIST_800_53])

/** A rule pack as people write it, before the checks that need more than one key. */
export const packSchema = z.strictObject({
  name: line(100),
  title: line(255).optional(),
  frameworks: frameworkList,
  families: z.record(z.string(), ruleSchema).default({}),
  controls: z.record(z.string(), ruleSchema).default({}),
  prerequisites: z
    .array(z.strictObject({ control: z.string(), requires: z.string(), blocking: z.boolean().default(true) }))
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
  const { name, title = name, frameworks } = document.value
  const problems: Problem[] = []
  const families = keyed(document, 'families', problems)
  const controls = keyed(document, 'controls', problems)
  const prerequisites = uniquePrerequisites(document, problems)
  if (problems.length > 0) throw new InputError(problems)
  const problemAtPrerequisite: RulePack['problemAtPrerequisite'] = (index, message) =>
    document.problemAt(['prerequisites', index], message)
  return { name, title, file, frameworks, families, controls, prerequisites, problemAtPrerequisite }
}

/** A key of `families` or `controls`. */
type Key = {
  /** The key under which the rule is stored. */
  readonly name: string
  /** The displayed name, unless the rule has a title. */
  readonly display: string
  /** The identity for detecting duplicates: the spellings of an id depend on the framework. */
  readonly identities: readonly string[]
}

type Section = {
  readonly read: (text: string, frameworks: readonly string[]) => Key | undefined
  readonly refuse: (text: string) => string
}

const SECTIONS: Record<'families' | 'controls', Section> = {
  families: {
    read: familyKey,
    refuse: (text) => `"${text}" is not a family; expected letters such as AC`,
  },
  controls: { read: controlKey, refuse: notAControlId },
}

function keyed(
  document: PackDocument,
  section: keyof typeof SECTIONS,
  problems: Problem[],
): Map<string, Rule> {
  const { read, refuse } = SECTIONS[section]
  const { name: pack, frameworks } = document.value
  const rules = new Map<string, Rule>()
  const spellings = new Map<string, string>()
  for (const [text, source] of Object.entries(document.value[section])) {
    const at = (message: string): number => problems.push(document.problemAt([section, text], message))
    const key = read(text, frameworks)
    const other = key?.identities.map((each) => spellings.get(each)).find((each) => each !== undefined)
    if (key === undefined) at(refuse(text))
    else if (other !== undefined) at(`is the same as "${other}" above; keep one of them`)
    else {
      for (const each of key.identities) spellings.set(each, text)
      rules.set(key.name, ruleOf(source, key.display, pack))
    }
  }
  return rules
}

function controlKey(text: string, frameworks: readonly string[]): Key | undefined {
  const ids = frameworks.flatMap((framework) => canonicalControlId(text, framework) ?? [])
  const [first] = ids
  if (first === undefined || ids.length < frameworks.length) return undefined
  const identities = ids.map((id, at) => `${frameworks[at]} ${id}`)
  return { name: text, display: displayControlId(first), identities }
}

/** `controls.family` is a varchar(10). */
function familyKey(text: string): Key | undefined {
  if (!/^[a-z]{1,10}$/i.test(text)) return undefined
  const name = text.toUpperCase()
  return { name, display: name, identities: [name] }
}

function ruleOf(source: RuleSource, defaultTitle: string, pack: string): Rule {
  const { title = defaultTitle, required_all: requiredAll, required_any: requiredAny } = source
  return { title, requiredAll, requiredAny, remediation: source.remediation ?? null, pack }
}

function uniquePrerequisites(document: PackDocument, problems: Problem[]): Prerequisite[] {
  const { name: pack, prerequisites, frameworks } = document.value
  const seen = new Set<string>()
  for (const [index, edge] of prerequisites.entries()) {
    const wrongEnds = (['control', 'requires'] as const).filter(
      (end) => canonicalControlId(edge[end], frameworks[0]) === undefined,
    )
    problems.push(
      ...wrongEnds.map((end) => document.problemAt(['prerequisites', index, end], notAControlId(edge[end]))),
    )
    if (wrongEnds.length > 0) continue
    const words = frameworks.map((framework) => edgeWords(edge, framework))
    if (words.some((each, at) => seen.has(`${frameworks[at]} ${each}`)))
      problems.push(document.problemAt(['prerequisites', index], `"${words[0]}" is listed twice`))
    words.forEach((each, at) => seen.add(`${frameworks[at]} ${each}`))
  }
  return prerequisites.map((edge) => ({ ...edge, pack }))
}

function edgeWords({ control, requires }: Edge, framework: string): string {
  const display = (id: string): string => displayControlId(canonicalControlId(id, framework) ?? id)
  return `${display(control)} requires ${display(requires)}`
}

/** "NIST" alone would be for every publication of NIST. */
function frameworkProblem(framework: string): string | undefined {
  if (namesFramework(framework)) return undefined
  return `"${framework}" names no framework; expected one such as nist-800-53-rev5 (see "rapidrmf catalog list")`
}

function notAControlId(text: string): string {
  return `"${text}" is not a control id; expected one such as AC-2 or AC-2(1)`
}
