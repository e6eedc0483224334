import { readFileSync } from 'node:fs'
import { assetPath } from '../assets.ts'
import { baseControlId } from '../rules/control-id.ts'
import { NIST_800_53_REV5 } from '../rules/framework.ts'

export const NIST_BASELINES = ['LOW', 'MODERATE', 'HIGH', 'PRIVACY'] as const
export type NistBaseline = (typeof NIST_BASELINES)[number]

/** One control or enhancement as NIST publishes it. `id` is canonical: `ac-2.1`. */
export type NistControl = {
  readonly id: string
  readonly title: string
  readonly family: string
  readonly withdrawn: boolean
  /** The base control of an enhancement. */
  readonly parent: string | undefined
  /** The baselines that select it in SP 800-53B. */
  readonly baselines: readonly NistBaseline[]
}

export type NistIndex = {
  readonly framework: typeof NIST_800_53_REV5
  readonly title: string
  readonly version: string
  readonly baselineVersion: string
  /** Ordered as in the catalog. */
  readonly families: readonly { readonly id: string; readonly title: string }[]
  readonly controls: readonly NistControl[]
  readonly byId: ReadonlyMap<string, NistControl>
  /** True for a control that the catalog lists as withdrawn; false for any other canonical id, known or not. */
  readonly isWithdrawn: (canonicalId: string) => boolean
}

/** The file as scripts/build-nist-index.ts writes it; absent members are false or empty. */
export type NistIndexFile = Omit<NistIndex, 'byId' | 'isWithdrawn' | 'controls'> & {
  readonly source: string
  readonly controls: readonly {
    readonly id: string
    readonly title: string
    readonly family: string
    readonly withdrawn?: true
    readonly baselines?: readonly NistBaseline[]
  }[]
}

export const NIST_INDEX_ASSET = `${NIST_800_53_REV5}.index.json`

let loaded: NistIndex | undefined

/** NIST SP 800-53 rev5, read on first use. */
export function nistIndex(): NistIndex {
  loaded ??= load()
  return loaded
}

/** The canonical ids of one baseline, in the catalog's order. */
export function nistBaselineControls(baseline: NistBaseline): string[] {
  return nistIndex()
    .controls.filter(({ baselines }) => baselines.includes(baseline))
    .map(({ id }) => id)
}

function load(): NistIndex {
  const file = JSON.parse(readFileSync(assetPath(NIST_INDEX_ASSET), 'utf8')) as NistIndexFile
  const controls = file.controls.map(({ id, title, family, withdrawn, baselines }) => ({
    id,
    title,
    family,
    withdrawn: withdrawn ?? false,
    parent: baseControlId(id),
    baselines: baselines ?? [],
  }))
  const byId = new Map(controls.map((control) => [control.id, control]))
  return { ...file, controls, byId, isWithdrawn: (id) => byId.get(id)?.withdrawn ?? false }
}
