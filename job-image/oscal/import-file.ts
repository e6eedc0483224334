import { basename } from 'node:path'
import { InputError } from '../errors.ts'
import { displayControlId, familyOf } from '../rules/control-id.ts'
import { NIST_800_53_REV5, frameworkName, nameFrom, nistBaselineIn, nistClaim } from '../rules/framework.ts'
import { builtinCatalog, catalogFrom } from './catalog.ts'
import type { Catalog } from './catalog.ts'
import { parseOscal } from './document.ts'
import { fitted, fits } from './fit.ts'
import { FRAMEWORK_SEPARATOR, nistBaselineName } from './import.ts'
import type { BaselineImport, CatalogImport, Import, WantedControl } from './import.ts'
import { NIST_BASELINES, nistBaselineControls, nistIndex } from './nist-index.ts'
import { controlsOf } from './control-tree.ts'
import type { Control } from './control-tree.ts'
import { resolveProfile } from './resolve.ts'
import type { ResolveOptions, ResolvedProfile } from './resolve.ts'
import { refuseUnstorable } from './storable.ts'

export type Prepared = { readonly item: Import; readonly warnings: readonly string[] }

export type PrepareOptions = ResolveOptions & {
  /** The name in the database. Default: from the title or the file's name. */
  readonly name?: string | undefined
  /** The framework, in any spelling. Default: what the document says (see identify.ts). */
  readonly framework?: string | undefined
}

/** A file read, resolved and checked to the last column: nothing of it can fail for its content later on. */
export function prepareFile(file: string, options: PrepareOptions): Prepared {
  const document = parseOscal(options.reader.read(file), file)
  const framework = options.framework === undefined ? undefined : frameworkName(options.framework)
  const prepared =
    document.kind === 'profile'
      ? baselineOfProfile(resolveProfile(document.body, file, options), { ...options, framework })
      : { item: ofCatalog(catalogFrom(document.body, file, framework), options.name), warnings: [] }
  refuseUnstorable(prepared.item)
  const { item, warnings } = fitted(prepared.item)
  return { item, warnings: [...prepared.warnings, ...warnings] }
}

/** The built-in catalog with the four baselines of NIST SP 800-53B. */
export function prepareBuiltin(name: string | undefined): Prepared[] {
  const { framework, baselineVersion } = nistIndex()
  const catalog = builtinCatalog()
  const baselines = NIST_BASELINES.map((baseline): BaselineImport => ({
    kind: 'baseline',
    source: catalog.file,
    name: nistBaselineName(framework, baseline),
    title: `NIST SP 800-53B ${baseline} baseline (Rev. 5)`,
    version: baselineVersion,
    framework,
    controls: nistBaselineControls(baseline),
    withdrawn: 0,
  }))
  const items: Import[] = [{ ...wholeCatalog(catalog, name), authoritative: false }, ...baselines]
  return items.map((item) => {
    refuseUnstorable(item)
    return { item, warnings: [] }
  })
}

/**
 * A catalog that was made by resolving a profile of NIST SP 800-53 is a selection of controls which have their rows
 * already: more rows would get every control decided twice. Of another framework it may be all there is.
 */
function ofCatalog(catalog: Catalog, name: string | undefined): Import {
  const { file, title, version, framework } = catalog
  const all = controlsOf(catalog.tree).map(({ control }) => control)
  if (all.length === 0) throw new InputError({ file, message: 'this catalog holds no controls' })
  const isSelection = framework === NIST_800_53_REV5 && nistClaim(title)?.framework === NIST_800_53_REV5
  if (!catalog.resolved || !isSelection) return wholeCatalog(catalog, name)
  return {
    kind: 'baseline',
    source: file,
    // Apart from the profile's own name: a resolved catalog may hold parents that the profile does not select.
    name: name ?? `${baselineName(file, title)}-resolved`,
    title,
    version,
    framework,
    ...membersOf(all),
  }
}

function wholeCatalog(catalog: Catalog, name: string | undefined): CatalogImport {
  const { file, title, version, framework, whole } = catalog
  const controls = controlsOf(catalog.tree).map(({ control }) => wantedControl(control))
  return {
    kind: 'catalog',
    source: file,
    name: name ?? (whole ? framework : ownName(file, title)),
    title,
    version,
    framework,
    whole,
    authoritative: true,
    controls,
  }
}

function baselineOfProfile(
  profile: ResolvedProfile,
  { name, framework: given }: Pick<PrepareOptions, 'name' | 'framework'>,
): Prepared {
  const { file, title, version, controls, catalogs, warnings } = profile
  const selected = new Set(controls.map(({ framework }) => framework))
  const frameworks =
    selected.size > 0 ? [...selected] : catalogs.slice(0, 1).map(({ framework }) => framework)
  const item: BaselineImport = {
    kind: 'baseline',
    source: file,
    name: name ?? baselineName(file, title),
    title,
    version,
    framework: given ?? frameworks.join(FRAMEWORK_SEPARATOR),
    ...membersOf(controls),
  }
  const empty = controls.length === 0 ? [`${file}: the profile selects no control`] : []
  const several =
    frameworks.length > 1 && given === undefined
      ? [
          `${file}: the profile selects from several frameworks (${item.framework}); an id that more than one of them has is a member in each`,
        ]
      : []
  return { item, warnings: [...warnings, ...empty, ...several] }
}

/** The names that NIST's baselines have in the built-in catalog; else its own. */
function baselineName(file: string, title: string): string {
  const baseline = nistBaselineIn(title)
  if (baseline !== undefined) return nistBaselineName(NIST_800_53_REV5, baseline)
  return ownName(file, title)
}

/** Trestle's workspaces name a document by its folder: `profiles/NAME/profile.json`. */
const NAMED_FOLDER = /(?:^|[\\/])(catalog|profile)s[\\/]([^\\/]+)[\\/]\1\.(?:json|ya?ml)$/i

/** The name of the catalog: from the file's name, else its folder, else the title. */
function ownName(file: string, title: string): string {
  return nameFrom(stemOf(file)) || nameFrom(NAMED_FOLDER.exec(file)?.[2] ?? '') || nameFrom(title)
}

/** Endings that say what a file is, not what it is about: `_catalog`, `-resolved-profile_catalog-min`, `.oscal1.1.3`. */
const NOISE = /[-_. ]*(?:\.json|\.ya?ml|\boscal[\d.]*|min|(?:^|[-_. ])(?:catalog|resolved|profile))$/i

function stemOf(file: string): string {
  let stem = basename(file.replace(/^[a-z]+:/, ''))
  while (NOISE.test(stem)) stem = stem.replace(NOISE, '')
  return stem
}

function wantedControl(control: Control): WantedControl {
  const { canonical, title, withdrawn, parent } = control
  return {
    canonical,
    controlId: displayControlId(canonical),
    title,
    family: familyFor(control),
    withdrawn,
    parent: parent === undefined ? undefined : displayControlId(parent),
  }
}

/** The first that fits: the letters of a NIST-like id, the outermost group, what the id begins with. */
function familyFor({ id, canonical, group = '' }: Control): string {
  // SP_800_171_03.05.07 is in the group SP_800_171_03.05, which is too long; its end distinguishes it from other groups.
  const ending = id.startsWith(group) ? /[\p{L}\p{N}.]+$/u.exec(group)?.[0] : undefined
  const candidates = [familyOf(canonical), group, ending, /^[a-z0-9]+/.exec(canonical)?.[0]]
  const family = candidates.find((each = '') => each !== '' && fits(each, 'family'))
  return (family ?? candidates.find((each = '') => each !== '') ?? '').toUpperCase()
}

/** Each control once, however often a merge keeps it. */
function membersOf(controls: readonly Control[]): Pick<BaselineImport, 'controls' | 'withdrawn'> {
  const members = new Map(controls.map((control) => [control.canonical, control]))
  const withdrawn = [...members.values()].filter((control) => control.withdrawn).length
  return { controls: [...members.keys()], withdrawn }
}
