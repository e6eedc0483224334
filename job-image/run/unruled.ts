import type { CatalogIdentity } from '../db/inputs/catalog-identities.ts'
import type { StoredControl } from '../db/inputs/controls.ts'
import { rulesFor } from '../rules/rule-set.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import { plural } from '../plural.ts'

/**
 * Warnings for controls without rules: one for each catalog whose framework is unknown or has no rule pack. Such controls
 * are `unknown`, unless the database has requirements for them.
 */
export function unruledCatalogs(
  ruleSet: RuleSet,
  controls: readonly StoredControl[],
  catalogs: ReadonlyMap<number, CatalogIdentity>,
): string[] {
  const unruled = controls.filter(
    ({ framework, requirements, problem }) =>
      rulesFor(ruleSet, framework) === undefined && requirements.length === 0 && problem === undefined,
  )
  return [...Map.groupBy(unruled, ({ catalogId }) => catalogId)].map(([id, { length }]) => {
    const { name = '', framework } = catalogs.get(id) ?? {}
    const unknown = `${plural(length, 'control')} of the catalog "${name}" ${length === 1 ? 'is' : 'are'} unknown`
    return framework === undefined
      ? `${unknown}: the framework of the catalog is not known; set catalogs.${name}.framework in the configuration`
      : `${unknown}: there is no rule pack for its framework, ${framework}`
  })
}
