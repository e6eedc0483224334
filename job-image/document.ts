import { closest, distance } from 'fastest-levenshtein'
import { isUtf8 } from 'node:buffer'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { LineCounter, isMap, isNode, isScalar, parseDocument as parseYaml, visit } from 'yaml'
import type { Document } from 'yaml'
import { z } from 'zod'
import { InputError, asError } from './errors.ts'
import type { Problem } from './errors.ts'
import { DANGLING_ALIAS, repeatedKeys, resolveAliases } from './yaml-aliases.ts'

/** A file that a person wrote: its checked value, and where in the text each part of it stands. */
export type SourceDocument<T> = {
  readonly file: string
  readonly value: T
  /** A problem placed at the node that `path` leads to (at its nearest existing ancestor otherwise). */
  problemAt(path: readonly PropertyKey[], message: string): Problem
}

/** Reads a text file; a missing or unreadable one, or one that holds no UTF-8, is an InputError that names it. */
export function readTextFile(file: string, what: string): string {
  const bytes = readBytes(file, what)
  if (isUtf8(bytes) && !bytes.includes(0)) return bytes.toString('utf8')
  throw new InputError({ file, message: `cannot read this ${what}: it is not UTF-8 text` })
}

function readBytes(file: string, what: string): Buffer {
  try {
    return readBounded(file)
  } catch (thrown) {
    const error = asError(thrown) as NodeJS.ErrnoException
    const why = READ_ERRORS[error.code ?? ''] ?? error.message
    throw new InputError({ file, message: `cannot read this ${what}: ${why}` }, { cause: error })
  }
}

/** The largest file that is read, in bytes: ten times the largest catalog that NIST publishes. */
const MAX_FILE = 64 * 1024 * 1024

/** A path may lead to a device that never ends. A named pipe is how a shell passes the output of a command. */
function readBounded(file: string): Buffer {
  const descriptor = openSync(file, 'r')
  try {
    const found = fstatSync(descriptor)
    if (found.isDirectory()) throw new Error(READ_ERRORS['EISDIR'])
    if (!found.isFile() && !found.isFIFO()) throw new Error('it is not a file')
    const chunks: Buffer[] = []
    for (let size = 0; ;) {
      const chunk = Buffer.allocUnsafe(Math.max(64 * 1024, found.size - size + 1))
      const length = readSync(descriptor, chunk)
      if (length === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, length))
      size += length
      if (size > MAX_FILE) throw new Error(`it has more than ${MAX_FILE / 1024 / 1024} MiB`)
    }
  } finally {
    closeSync(descriptor)
  }
}

const READ_ERRORS: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
}

/**
 * Parses YAML (or JSON, which is YAML) and checks it against `schema`.
 * Throws one InputError with all problems, each as file:line:column and the key it is about.
 */
export function parseDocument<S extends z.ZodType>(
  text: string,
  file: string,
  schema: S,
): SourceDocument<z.output<S>> {
  return withinDepth(file, () => parseChecked(text, file, schema))
}

/** Parser and schema descend with the document: one that is nested a thousand times over exhausts the stack. */
export function withinDepth<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    const exhausted = thrown instanceof RangeError || isExhausted(asError(thrown).message)
    if (!exhausted || thrown instanceof InputError) throw thrown
    throw new InputError({ file, message: TOO_DEEP }, { cause: thrown })
  }
}

const TOO_DEEP = 'nested too deeply'

/** The parser reports an exhausted stack as an error of the text, or fails to compile an expression for its lack. */
function isExhausted(message: string): boolean {
  return /call stack size exceeded|stack overflow/i.test(message)
}

function parseChecked<S extends z.ZodType>(
  text: string,
  file: string,
  schema: S,
): SourceDocument<z.output<S>> {
  const lines = new LineCounter()
  const document = parseYaml(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    uniqueKeys: false,
    logLevel: 'error',
  })
  const at = (offset: number | undefined): Omit<Problem, 'message'> => {
    if (offset === undefined) return { file }
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col }
  }
  const syntaxProblems = syntaxProblemsOf(document)
  if (syntaxProblems.length > 0) {
    const problems = syntaxProblems.map(({ offset, message }) => ({ ...at(offset), message }))
    throw new InputError(firstOf(problems, file))
  }
  const problemAt = (path: readonly PropertyKey[], message: string): Problem => {
    const key = path.map(String).join('.')
    return { ...at(offsetOf(document, path)), message: key === '' ? message : `${key}: ${message}` }
  }
  const result = schema.safeParse(plainValue(document, file), { error: issueMessage })
  if (!result.success) {
    const issues = result.error.issues.slice(0, MOST_PROBLEMS + 1)
    throw new InputError(
      firstOf(
        issues.flatMap((issue) => problemsOf(issue, schema, problemAt)),
        file,
      ),
    )
  }
  return { file, value: result.data, problemAt }
}

/** Syntax errors whose own message quotes the text, which may be part of a password, or speaks of the parser's API. */
const SYNTAX_MESSAGES: Record<string, string> = {
  UNEXPECTED_TOKEN: 'this does not belong here; a text with special characters needs quotes',
  BAD_ALIAS: DANGLING_ALIAS,
  TAG_RESOLVE_FAILED: 'an unknown tag; a text that begins with ! needs quotes',
  MULTIPLE_DOCS: 'a second document begins here (---); keep one per file',
}

const DUPLICATE_KEY = 'this key stands twice in one map; keep one of them'

type SyntaxProblem = { readonly offset: number | undefined; readonly message: string }

/** The errors of the parser and its warnings: a warning (an unknown tag) means that it dropped a value. */
function syntaxProblemsOf(document: Document.Parsed): SyntaxProblem[] {
  const problems: SyntaxProblem[] = [...document.errors, ...document.warnings].map(
    ({ code, pos, message }) => {
      return { offset: pos[0], message: isExhausted(message) ? TOO_DEEP : (SYNTAX_MESSAGES[code] ?? message) }
    },
  )
  problems.push(...repeatedKeys(document).map((offset) => ({ offset, message: DUPLICATE_KEY })))
  visit(document, {
    // The schema library omits this key silently.
    Pair: (_, { key }) => {
      if (!isScalar(key) || key.value !== '__proto__') return
      problems.push({ offset: key.range?.[0], message: 'this key cannot be used' })
    },
  })
  return problems.length > 0 ? problems : resolveAliases(document)
}

/** An error that the parser detects only here, such as a merge key (<<) without a map, is a problem of the input. */
function plainValue(document: Document, file: string): unknown {
  try {
    return document.toJS()
  } catch (thrown) {
    throw new InputError({ file, message: asError(thrown).message }, { cause: thrown })
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const offset = nodeOffset(document, path.slice(0, length))
    if (offset !== undefined) return offset
  }
  return undefined
}

/** The offset of the key for a member of a map (that is where a reader looks), else of the value itself. */
function nodeOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent = path.length === 0 ? undefined : document.getIn(path.slice(0, -1), true)
  if (isMap(parent)) {
    const name = String(path.at(-1))
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === name)
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined
  }
  const node = document.getIn(path, true)
  return isNode(node) ? node.range?.[0] : undefined
}

/**
 * The default messages for values that do not match their schema. They never quote the value, which may be a secret.
 */
export const issueMessage: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type') {
    const expected = `expected ${KINDS[issue.expected] ?? issue.expected}`
    return issue.input === undefined ? `is missing; ${expected}` : `${expected}, found ${kindOf(issue.input)}`
  }
  if (issue.code === 'invalid_value') return `expected ${issue.values.map(String).join(' or ')}`
  return issue.code === 'too_small' && Number(issue.minimum) === 1 ? 'must not be empty' : undefined
}

/** Types of the schema library, and of JavaScript, as a person who writes YAML calls them. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing'
  if (typeof value === 'boolean') return String(value)
  return KINDS[Array.isArray(value) ? 'array' : typeof value] ?? typeof value
}

/** Enough to see what is wrong: one mistake in a generated file is thousands of equal problems. */
const MOST_PROBLEMS = 100

function firstOf(problems: readonly Problem[], file: string): Problem[] {
  if (problems.length <= MOST_PROBLEMS) return [...problems]
  return [...problems.slice(0, MOST_PROBLEMS), { file, message: 'more problems follow; correct these first' }]
}

function problemsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  problemAt: SourceDocument<unknown>['problemAt'],
): Problem[] {
  if (issue.code !== 'unrecognized_keys') return [problemAt(issue.path, issue.message)]
  const known = knownKeys(schema, issue.path)
  return issue.keys
    .slice(0, MOST_PROBLEMS + 1)
    .map((key) => problemAt([...issue.path, key], `unknown key${suggestion(key, known)}`))
}

/** `; did you mean "x"?` for the nearest of the known names, or the list of them when none is near. */
export function suggestion(name: string, known: readonly string[]): string {
  if (known.length === 0) return ''
  const nearest = closest(name, known)
  const near = distance(name.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, name.length / 3)
  return near ? `; did you mean "${nearest}"?` : `; known here: ${known.join(', ')}`
}

/** The keys of the object schema that `path` leads to, through optional, union and record schemas. */
function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const [head, ...rest] = path
  return variantsOf(schema).flatMap((variant) => {
    if (variant instanceof z.ZodObject) {
      if (head === undefined) return Object.keys(variant.shape)
      const member = variant.shape[String(head)] as z.core.$ZodType | undefined
      return member === undefined ? [] : knownKeys(member, rest)
    }
    if (head === undefined) return []
    if (variant instanceof z.ZodRecord) return knownKeys(variant.valueType, rest)
    return variant instanceof z.ZodArray ? knownKeys(variant.element, rest) : []
  })
}

function variantsOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(variantsOf)
  if (schema instanceof z.ZodPipe) {
    // preprocess() is a pipe from a transform into the schema that says the keys.
    return variantsOf(schema.in instanceof z.ZodTransform ? schema.out : schema.in)
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return variantsOf(schema.unwrap())
  }
  return [schema]
}
