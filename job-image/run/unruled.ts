import type { CatalogIdentity } from '../db/inputs/catalog-identities.ts'
import type { StoredControl } from '../db/inputs/controls.ts'
import { rulesFor } from '../rules/rule-set.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import { plural } from '../words.ts'

/**
 * Warnings of a run that decides controls without any rules: one for each catalog whose framework is not known, or that
 * no rule pack is for. Such controls are `unknown`, unless the database has requirements for them.
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
    const so = `${plural(length, 'control')} of the catalog "${name}" ${length === 1 ? 'is' : 'are'} unknown`
    return framework === undefined
      ? `${so}: the framework of the catalog is not known; name it in the configuration, under catalogs.${name}.framework`
      : `${so}: no rule pack is for its framework, ${framework}`
  })
}
