/** A control as it is to be stored. */
export type WantedControl = {
  readonly canonical: string
  /** `controls.control_id`: upper case, `AC-2.1`. */
  readonly controlId: string
  readonly title: string
  /** `controls.family`: upper case, at most ten characters. */
  readonly family: string
  readonly withdrawn: boolean
  /** The control that this one belongs to, as `controlId` spells ids. */
  readonly parent: string | undefined
  readonly fullTexts?: FullTexts
}

/** Attributes with the texts that their columns have only the beginning of: `full_title`, `full_family`. */
export type FullTexts = Readonly<Record<string, string>>

/** A catalog to be stored: one row of `catalogs` with its rows of `controls`. */
export type CatalogImport = {
  readonly kind: 'catalog'
  readonly source: string
  readonly name: string
  readonly title: string
  readonly version: string | null
  readonly framework: string
  /** The complete catalog of NIST SP 800-53: it may stand in the database under another name. */
  readonly whole: boolean
  /**
   * False for the built-in index. It is there to start with, so it neither marks controls of a newer edition as
   * removed nor puts its own version on a catalog that came from a file.
   */
  readonly authoritative: boolean
  readonly fullTexts?: FullTexts
  readonly controls: readonly WantedControl[]
}

/** A profile to be stored: one row of `baselines` with its membership. */
export type BaselineImport = {
  readonly kind: 'baseline'
  readonly source: string
  readonly name: string
  readonly title: string
  readonly version: string | null
  /** Several, joined by `FRAMEWORK_SEPARATOR`, where the profile selects from catalogs of several. */
  readonly framework: string
  /** Canonical ids, each once. */
  readonly controls: readonly string[]
  /** Number of them that the catalog marks as withdrawn. */
  readonly withdrawn: number
}

export type Import = CatalogImport | BaselineImport

/** Counts of controls, not of rows: RapidRMF's tables may hold a control twice. */
export type ChangeCounts = {
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly unchanged: number
}

/** The changes of one import, or of a dry run. */
export type ImportReport = ChangeCounts & {
  readonly kind: Import['kind']
  /** The name in the database: that of a catalog which was there already may be spelt differently. */
  readonly name: string
  readonly title: string
  readonly version: string | null
  readonly framework: string
  readonly source: string
  readonly controls: number
  readonly withdrawn: number
  /** Ids that the source no longer has. */
  readonly removedIds: readonly string[]
  /** True if so many are removed that the import needs a confirmation. */
  readonly removesMany: boolean
  /** Members of a baseline that no catalog of the database holds. */
  readonly missing: readonly string[]
}

/** Stands between the names of frameworks, which hold neither commas nor spaces. */
export const FRAMEWORK_SEPARATOR = ', '

/** The name of a baseline of NIST SP 800-53B: `nist-800-53-rev5-low`. */
export function nistBaselineName(framework: string, baseline: string): string {
  return `${framework}-${baseline.toLowerCase()}`
}
