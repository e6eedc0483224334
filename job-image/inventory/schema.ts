import { z } from 'zod'
import { invisibleIn } from '../../common/printable.ts'
import { storageProblem } from '../storable-text.ts'
import { formatTimestamp, parseTimestamp } from '../time.ts'
import type { Micros } from '../time.ts'

/** An object that PostgreSQL's json can hold and give back as it was. */
export type Attributes = Readonly<Record<string, unknown>>

/** A key with nothing after its colon is null in YAML: here the same as no key. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined)

/** A text for a varchar(max) column, which counts characters and not UTF-16 units. Anything but NUL can be stored. */
const text = (max: number): z.ZodString =>
  z.string().superRefine((value, context) => {
    const length = Array.from(value).length
    if (length === 0) context.addIssue('must not be empty')
    if (length > max) context.addIssue(`has ${length} characters; at most ${max} can be stored`)
    const problem = textProblem(value)
    if (problem !== undefined) context.addIssue(problem)
  })

function textProblem(value: string): string | undefined {
  const problem = storageProblem(value)
  return problem === undefined ? undefined : `must not contain ${problem}`
}

/** A name that people compare by eye. */
const name = (max: number): z.ZodString =>
  text(max).superRefine((value, context) => {
    const problem = invisibleIn(value)
    if (problem !== undefined) context.addIssue(`must not contain ${problem}`)
  })

/** A value for a text column. */
const storable = z.string().superRefine((value, context) => {
  const problem = textProblem(value)
  if (problem !== undefined) context.addIssue(problem)
})

const attributes = z
  .record(z.string(), z.unknown(), { error: 'expected a map' })
  .superRefine((value, context) => {
    for (const { path, message } of jsonProblems(value, []))
      context.addIssue({ code: 'custom', path: [...path], message })
  })
  // What a reader of the column will get: `-0` is 0 there. Comparing anything else would find a change every time.
  .transform((value) => JSON.parse(JSON.stringify(value)) as Attributes)

type JsonProblem = { readonly path: readonly PropertyKey[]; readonly message: string }

function jsonProblems(value: unknown, path: readonly PropertyKey[]): JsonProblem[] {
  const message = scalarProblem(value)
  if (message !== undefined) return [{ path, message }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => {
    const problem = textProblem(key)
    const place = [...path, Array.isArray(value) ? Number(key) : key]
    return problem === undefined ? jsonProblems(member, place) : [{ path, message: `a key ${problem}` }]
  })
}

function scalarProblem(value: unknown): string | undefined {
  if (typeof value === 'string') return textProblem(value)
  if (typeof value !== 'number') return undefined
  if (!Number.isFinite(value)) return 'is no number that JSON can hold'
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? 'has more digits than a number keeps; put it in quotes'
    : undefined
}

const DATE_ONLY = /^\d{4}-\d\d-\d\d$/
/** Years of four digits. A double has no later moment of the year 9999 than LAST: what is later is read as END. */
const FIRST = parseTimestamp('0001-01-01T00:00:00Z')
const LAST = parseTimestamp('9999-12-31T23:59:59.999968Z')
const END = parseTimestamp('9999-12-31T23:59:59.999999Z')

/** A moment; without a zone it is UTC, a date alone is the begin of that day in UTC. */
const moment = z
  .string('expected a time such as 2026-11-01T00:00:00Z')
  .transform((value, context): Micros => {
    const micros = momentOf(value)
    if (micros !== undefined) return micros
    context.addIssue(`not a time; expected one such as ${formatTimestamp(0)} or 2026-11-01`)
    return z.NEVER
  })

function momentOf(value: string): Micros | undefined {
  try {
    const micros = parseTimestamp(DATE_ONLY.test(value) ? `${value}T00:00:00Z` : value)
    return micros >= FIRST && micros <= END ? Math.min(micros, LAST) : undefined
  } catch {
    return undefined
  }
}

const evidence = z
  .strictObject(
    {
      type: name(100),
      key: text(500),
      file: z.string().min(1, 'must not be empty').optional(),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits')
        .optional(),
      filename: text(255).optional(),
      collected_at: optional(moment),
      expires_at: optional(moment),
      attributes: optional(attributes),
    },
    { error: expected('a map with type, key, and file or sha256') },
  )
  .superRefine((row, context) => {
    const needs = (path: string[], message: string): void =>
      context.addIssue({ code: 'custom', path, message })
    if (row.file !== undefined) return
    if (row.sha256 === undefined)
      needs([], 'has neither file nor sha256; one of them identifies the evidence')
    if (row.collected_at === undefined)
      needs([], 'has no collected_at; it can be left out only where file is given')
  })

const system = z.strictObject(
  {
    name: name(255),
    environment: name(50).optional(),
    description: optional(storable),
    attributes: optional(attributes),
    evidence: optional(z.array(evidence, { error: expected('a list') })),
  },
  { error: expected('a map with name and evidence') },
)

export const inventorySchema = z.strictObject(
  {
    environment: name(50).optional(),
    systems: z.array(system, { error: expected('a list of systems') }),
  },
  { error: expected('a map with environment and systems') },
)

export type InventorySource = z.output<typeof inventorySchema>
export type SystemSource = InventorySource['systems'][number]
export type EvidenceSource = NonNullable<SystemSource['evidence']>[number]

function expected(what: string): (issue: { readonly code: string }) => string | undefined {
  return ({ code }) => (code === 'invalid_type' ? `expected ${what}` : undefined)
}
