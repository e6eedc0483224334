import { basename, dirname, isAbsolute, join } from 'node:path'
import { parseDocument, readTextFile } from '../document.ts'
import type { SourceDocument } from '../document.ts'
import { InputError, asError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import type { Micros } from '../time.ts'
import { readFileFacts } from './evidence-file.ts'
import type { FileFacts } from './evidence-file.ts'
import { inventorySchema } from './schema.ts'
import type { Attributes, EvidenceSource, InventorySource, SystemSource } from './schema.ts'

/** Systems and their evidence as a file declares them. What is undefined is left as the database has it. */
export type Inventory = {
  readonly file: string
  readonly systems: readonly InventorySystem[]
  /** The environments that the file itself names. */
  readonly environments: ReadonlySet<string>
}

export type InventorySystem = {
  readonly name: string
  readonly environment: string
  readonly description: string | undefined
  readonly attributes: Attributes | undefined
  /** Undefined: the file says nothing about the evidence of this system. No two have the same sha256. */
  readonly evidence: readonly InventoryEvidence[] | undefined
  /** A problem at this system in the file. */
  readonly problem: (message: string) => Problem
}

export type InventoryEvidence = {
  readonly type: string
  readonly key: string
  readonly sha256: string
  readonly filename: string | undefined
  readonly size: number | undefined
  readonly collectedAt: Micros
  /** Null: never. */
  readonly expiresAt: Micros | null
  readonly attributes: Attributes | undefined
}

type InventoryDocument = SourceDocument<InventorySource>

/** `evidence.size` is an integer; the size of a larger file is not stored. */
const MAX_SIZE = 2 ** 31 - 1

/** Reads an inventory and hashes the files it names. Throws one InputError with everything wrong, each located. */
export function readInventory(file: string, environment?: string): Promise<Inventory> {
  return parseInventory(readTextFile(file, 'inventory'), file, environment)
}

/** `environment` is that of systems for which the file names none. */
export async function parseInventory(text: string, file: string, environment?: string): Promise<Inventory> {
  const document = parseDocument(text, file, inventorySchema)
  const problems: Problem[] = []
  refuseTwins(document, problems)
  const facts = fileReader(dirname(file))
  const systems: InventorySystem[] = []
  for (const [index, source] of document.value.systems.entries()) {
    systems.push(await systemOf(document, index, source, { facts, problems, environment }))
  }
  if (problems.length > 0) throw new InputError(problems)
  return { file, systems, environments: environmentsIn(document) }
}

function environmentsIn({ value }: InventoryDocument): Set<string> {
  return new Set([value, ...value.systems].flatMap(({ environment }) => environment ?? []))
}

function refuseTwins(document: InventoryDocument, problems: Problem[]): void {
  const seen = new Set<string>()
  for (const [index, { name }] of document.value.systems.entries()) {
    if (seen.has(name)) {
      const message = `the system ${JSON.stringify(name)} is listed above; keep one of them`
      problems.push(document.problemAt(['systems', index, 'name'], message))
    }
    seen.add(name)
  }
}

type Reading = {
  readonly environment: string | undefined
  readonly facts: (file: string) => Promise<FileFacts>
  readonly problems: Problem[]
}

async function systemOf(
  document: InventoryDocument,
  index: number,
  source: SystemSource,
  reading: Reading,
): Promise<InventorySystem> {
  const path = ['systems', index]
  const problem = (message: string): Problem => document.problemAt([...path, 'name'], message)
  const environment = source.environment ?? document.value.environment ?? reading.environment
  if (environment === undefined) {
    reading.problems.push(
      problem('has no environment; write one here or at the top of the file, or give --env'),
    )
  }
  const evidence: InventoryEvidence[] = []
  const seen = new Map<string, EvidenceSource>()
  for (const [position, row] of (source.evidence ?? []).entries()) {
    const place = [...path, 'evidence', position]
    const read = await evidenceOf(document, place, row, reading)
    if (read === undefined) continue
    const twin = seen.get(read.sha256)
    if (twin === undefined) evidence.push(read)
    else reading.problems.push(document.problemAt(place, sameContent(twin)))
    seen.set(read.sha256, row)
  }
  return {
    name: source.name,
    environment: environment ?? '',
    description: source.description,
    attributes: source.attributes,
    evidence: source.evidence === undefined ? undefined : evidence,
    problem,
  }
}

function sameContent({ type, key }: EvidenceSource): string {
  return `has the same sha256 as ${JSON.stringify(`${type} ${key}`)} above; evidence is identified by its sha256, so keep one of them`
}

async function evidenceOf(
  document: InventoryDocument,
  place: readonly PropertyKey[],
  source: EvidenceSource,
  { facts, problems }: Reading,
): Promise<InventoryEvidence | undefined> {
  const { file } = source
  const found = file === undefined ? undefined : await factsOf(facts, file)
  if (found instanceof Error) {
    problems.push(document.problemAt([...place, 'file'], `${JSON.stringify(file)} ${found.message}`))
    return undefined
  }
  if (found !== undefined && source.sha256 !== undefined && source.sha256 !== found.sha256) {
    const message = `is not the sha256 of the file, which is ${found.sha256}`
    problems.push(document.problemAt([...place, 'sha256'], message))
    return undefined
  }
  return {
    type: source.type,
    key: source.key,
    filename: source.filename ?? (file === undefined ? undefined : basename(file)),
    size: found === undefined || found.size > MAX_SIZE ? undefined : found.size,
    ...identityOf(source, found),
    expiresAt: source.expires_at ?? null,
    attributes: source.attributes,
  }
}

function identityOf(
  source: EvidenceSource,
  found: FileFacts | undefined,
): Pick<InventoryEvidence, 'sha256' | 'collectedAt'> {
  const sha256 = source.sha256 ?? found?.sha256
  const collectedAt = source.collected_at ?? found?.modifiedAt
  if (sha256 === undefined || collectedAt === undefined) {
    throw new Error('the schema lets no evidence pass without file, or sha256 and collected_at')
  }
  return { sha256, collectedAt }
}

async function factsOf(facts: Reading['facts'], file: string): Promise<FileFacts | Error> {
  try {
    return await facts(file)
  } catch (thrown) {
    return asError(thrown)
  }
}

/** Paths are relative to the inventory; a file that several systems share is read once. */
function fileReader(folder: string): Reading['facts'] {
  const read = new Map<string, Promise<FileFacts>>()
  return (file) => {
    const path = isAbsolute(file) ? file : join(folder, file)
    const facts = read.get(path) ?? readFileFacts(path)
    read.set(path, facts)
    return facts
  }
}
