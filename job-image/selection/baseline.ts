import { InputError } from '../errors.ts'
import { canonicalControlId, formerControlId } from '../rules/control-id.ts'
import { coversFramework, isNist80053 } from '../rules/framework.ts'

/** A named set of controls of one framework, rarely of several. */
export type Baseline = {
  readonly name: string
  /** Names as `frameworkName` spells them. */
  readonly frameworks: readonly string[]
  /** Canonical ids. */
  readonly members: ReadonlySet<string>
}

/** A control as far as it may be a member. */
export type CatalogControl = {
  readonly catalogId: number
  /** The stored id, in any spelling. */
  readonly controlId: string
  /** That of its catalog; undefined when it is not known. */
  readonly framework: string | undefined
}

/** A catalog that members may be in. */
export type NamedCatalog = {
  readonly id: number
  readonly name: string
  readonly framework: string | undefined
}

/**
 * The controls that are members: those of the catalogs of the baseline's framework, and no namesake of another one.
 * Throws an InputError when no catalog here is of that framework, because an empty choice would look like a small one.
 */
export function baselineControls<T extends CatalogControl>(
  baseline: Baseline,
  controls: readonly T[],
  catalogs: readonly NamedCatalog[],
): Set<T> {
  const own = new Set(catalogsOf(baseline, controls, catalogs).map(({ id }) => id))
  const inOwn = controls.filter(({ catalogId }) => own.has(catalogId))
  return new Set([...membersAmong(baseline, inOwn).values()].flat())
}

/** Members that none of the controls stands for. */
export function missingMembers(baseline: Baseline, controls: readonly CatalogControl[]): string[] {
  const found = membersAmong(baseline, controls)
  return [...baseline.members].filter((member) => (found.get(member) ?? []).length === 0)
}

/** True if a catalog of `framework` may hold members of a baseline of `wanted`: some do not name their revision. */
export function isFrameworkOf(wanted: string, framework: string | undefined): boolean {
  if (framework === undefined) return false
  return coversFramework(wanted, framework) || coversFramework(framework, wanted)
}

function catalogsOf(
  baseline: Baseline,
  controls: readonly CatalogControl[],
  catalogs: readonly NamedCatalog[],
): readonly NamedCatalog[] {
  const { frameworks } = baseline
  const named = frameworks.flatMap((wanted) => {
    const exact = catalogs.filter(({ framework }) => framework === wanted)
    return exact.length > 0 ? exact : catalogs.filter(({ framework }) => isFrameworkOf(wanted, framework))
  })
  if (named.length > 0) return named
  // Earlier releases took the name of the framework from a file's name. The one catalog with all members is meant.
  const complete = catalogs.filter(
    ({ id }) =>
      missingMembers(
        baseline,
        controls.filter(({ catalogId }) => catalogId === id),
      ).length === 0,
  )
  if (complete.length === 1 && !frameworks.some(isNist80053)) return complete
  const here = catalogs.map(({ name, framework = 'unknown' }) => `${name} (${framework})`).join(', ')
  throw new InputError(
    `the baseline "${baseline.name}" is of the framework ${frameworks.join(', ')}, and no catalog here is` +
      `${here === '' ? '' : `: ${here}`}; import its catalog, or its profile again with "rapidrmf catalog import"`,
  )
}

/**
 * Each member with the controls that stand for it. Where none has its very id, zeros do not count: member or control
 * may have the spelling of earlier releases (`ism-445`), or the framework of only one of the two was overridden.
 */
function membersAmong<T extends CatalogControl>(
  { members }: Baseline,
  controls: readonly T[],
): Map<string, readonly T[]> {
  const idOf = ({ controlId, framework }: T): string =>
    canonicalControlId(controlId, framework) ?? controlId.toLowerCase()
  const byId = Map.groupBy(controls, idOf)
  const byFormer = Map.groupBy(controls, (control) => formerControlId(idOf(control)))
  return new Map([...members].map((id) => [id, byId.get(id) ?? byFormer.get(formerControlId(id)) ?? []]))
}
