import { issueMessage, parseDocument, withinDepth } from '../document.ts'
import { InputError, asError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import { catalogDocument, profileDocument } from './schema.ts'
import type { CatalogBody, MetadataBody, ProfileBody } from './schema.ts'
import { z } from 'zod'

export type OscalDocument =
  | { readonly kind: 'catalog'; readonly file: string; readonly body: CatalogBody }
  | { readonly kind: 'profile'; readonly file: string; readonly body: ProfileBody }

const MODELS = [
  'catalog',
  'profile',
  'component-definition',
  'system-security-plan',
  'assessment-plan',
  'assessment-results',
  'plan-of-action-and-milestones',
  'mapping-collection',
]

/** Reads the text of an OSCAL catalog or profile, JSON or YAML; a problem is an InputError that says where. */
export function parseOscal(source: string, file: string): OscalDocument {
  const text = source.replace(/^\uFEFF/, '')
  if (text.trim() === '') throw new InputError({ file, message: 'the file is empty' })
  if (text.trimStart().startsWith('<')) {
    throw new InputError({
      file,
      message: 'OSCAL in XML is not read; use the JSON or YAML form of this document',
    })
  }
  const value = isJson(text, file) ? parseJson(text, file) : parseDocument(text, file, z.unknown()).value
  const document = checkedDocument(value, text, file)
  requireVersion1(document.body.metadata, file)
  return document
}

/** Detects JSON by the file's extension or its first character: a 4 MB catalog takes 30 ms as JSON, seconds as YAML. */
function isJson(text: string, file: string): boolean {
  if (/\.ya?ml$/i.test(file)) return false
  return /\.json$/i.test(file) || text.trimStart().startsWith('{')
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    const { message } = asError(thrown)
    const position = /at position (\d+)/.exec(message)?.[1]
    const offset = position === undefined ? text.length : Number(position)
    const cut = offset >= text.trimEnd().length || /^(?:Unexpected end|Unterminated)/.test(message)
    const what = cut ? 'the JSON ends in the middle: is the file complete?' : 'not valid JSON'
    const why = message.replace(/ in JSON at position.*$| at position.*$/s, '').replaceAll(/\s+/g, ' ')
    throw new InputError({ file, ...placeOf(text, offset), message: `${what} (${why})` }, { cause: thrown })
  }
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

function checkedDocument(value: unknown, text: string, file: string): OscalDocument {
  const models = isRecord(value) ? MODELS.filter((model) => Object.hasOwn(value, model)) : []
  const [model] = models
  if (models.length === 1 && model === 'catalog') {
    return { kind: 'catalog', file, body: checked(value, catalogDocument, text, file).catalog }
  }
  if (models.length === 1 && model === 'profile') {
    return { kind: 'profile', file, body: checked(value, profileDocument, text, file).profile }
  }
  const found =
    models.length === 0
      ? 'its top level has neither "catalog" nor "profile"'
      : `its top level is ${models.map((each) => `"${each}"`).join(' and ')}`
  throw new InputError({ file, message: `not an OSCAL catalog or profile: ${found}` })
}

function checked<S extends z.ZodType>(value: unknown, schema: S, text: string, file: string): z.output<S> {
  const result = withinDepth(file, () => schema.safeParse(value, { error: issueMessage }))
  if (result.success) return result.data
  // The YAML parser knows the line of every node; for JSON the path and the nearest id have to do.
  if (!isJson(text, file)) return parseDocument(text, file, schema).value
  throw new InputError(
    result.error.issues.slice(0, MOST_PROBLEMS).map((issue) => problemOf(issue, value, file)),
  )
}

/** One wrong member in every control of a catalog is one mistake, not a thousand lines. */
const MOST_PROBLEMS = 20

function problemOf(issue: z.core.$ZodIssue, value: unknown, file: string): Problem {
  const path = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  const id = nearestId(value, issue.path)
  const whose = id === undefined ? '' : ` (of "${id}")`
  return { file, message: `${path.replace(/^\./, '')}${whose}: ${issue.message}` }
}

/** The id of the innermost object on the way that has one. */
function nearestId(value: unknown, path: readonly PropertyKey[]): string | undefined {
  let found: string | undefined
  let at = value
  for (const key of path) {
    if (!isRecord(at) && !Array.isArray(at)) break
    at = (at as Record<PropertyKey, unknown>)[key]
    if (isRecord(at) && typeof at['id'] === 'string') found = at['id']
  }
  return found
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** OSCAL promises that a release reads the documents of its own major version only. */
function requireVersion1(metadata: MetadataBody, file: string): void {
  const version = metadata['oscal-version'].trim()
  if (/^v?1(?:\.\d+)*(?:[-+].*)?$/.test(version)) return
  throw new InputError({
    file,
    message: `metadata.oscal-version is "${version}": only OSCAL 1.x is understood`,
  })
}
