// Renders the chart with Helm, and returns its objects.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, inject } from 'vitest'
import { parseAllDocuments } from 'yaml'

const run = promisify(execFile)

export const CHART = join(import.meta.dirname, '../../helm/rapidrmf')
export const RELEASE = 'rapidrmf'
export const NAMESPACE = 'compliance'

/** A part of a manifest. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Raw = any

export type Manifest = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: Raw
}

/** Calls `describe`. Without Helm its tests are skipped, with the reason in the name. */
export function describeWithHelm(name: string, define: () => void): void {
  const helm = inject('helm')
  const reason = 'missing' in helm ? ` (skipped: ${helm.missing})` : ''
  describe.skipIf(reason !== '')(`${name}${reason}`, () => {
    define()
  })
}

/** Runs helm and returns its output; throws its error. */
export async function helm(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const found = inject('helm')
  if ('missing' in found) throw new Error(found.missing)
  try {
    const { stdout } = await run(found.program, args, { env: { ...process.env, ...env }, maxBuffer: 2 ** 26 })
    return stdout
  } catch (error) {
    throw new Error((error as { stderr?: string }).stderr ?? String(error), { cause: error })
  }
}

/** Runs `helm template` with the release and namespace of the tests. */
export async function render(...args: string[]): Promise<Manifest[]> {
  return manifests(await helm(['template', RELEASE, CHART, '--namespace', NAMESPACE, ...args]))
}

export function manifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null)
}

/** The path of a values file: `render('--values', valuesFile('everything'))` */
export function valuesFile(name: string): string {
  return join(import.meta.dirname, 'values', `${name}.yaml`)
}

export function ofKind(objects: readonly Manifest[], kind: string): Manifest[] {
  return objects.filter((object) => object.kind === kind)
}

export function one(objects: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = ofKind(objects, kind).filter(({ metadata }) => name === undefined || metadata.name === name)
  if (found.length !== 1 || found[0] === undefined) {
    throw new Error(`${found.length} objects ${kind} ${name ?? ''} where one is expected`)
  }
  return found[0]
}
