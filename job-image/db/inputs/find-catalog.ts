import type { Client } from 'pg'
import { InputError } from '../../errors.ts'
import { isStoredWhole } from '../../oscal/identify.ts'
import type { TitledControl } from '../../oscal/identify.ts'
import type { CatalogImport } from '../../oscal/import.ts'
import { canonicalControlId, formerControlId } from '../../rules/control-id.ts'
import { coversFramework, isNist80053, nameKey, nistClaim, wordsOf } from '../../rules/framework.ts'
import { listCatalogIdentities, titledControls } from './catalog-identities.ts'
import type { CatalogIdentity } from './catalog-identities.ts'

/**
 * The row that holds this very catalog already, undefined when there is none: the row of its name, else, for the
 * complete catalog of NIST SP 800-53, the row of another name that is the complete one as well. A row of the same name
 * that holds another catalog is an InputError: two catalogs never share a row.
 */
export async function findCatalog(
  client: Client,
  wanted: CatalogImport,
): Promise<CatalogIdentity | undefined> {
  const rows = [...(await listCatalogIdentities(client)).values()]
  const named = rows.find(({ name }) => nameKey(name) === nameKey(wanted.name))
  if (named !== undefined && named.baseline === null) {
    refuseOther(named, await controlsOf(client, named), wanted)
    return named
  }
  const same = wanted.whole ? await findWhole(client, rows, wanted.framework) : undefined
  if (same === undefined && named !== undefined) {
    throw new InputError({
      file: wanted.source,
      message: `the name "${named.name}" belongs to a catalog of the baseline ${named.baseline} alone; give another one with --name`,
    })
  }
  return same
}

/** Rows that RapidRMF made for one baseline of a framework are left alone. */
async function findWhole(
  client: Client,
  rows: readonly CatalogIdentity[],
  framework: string,
): Promise<CatalogIdentity | undefined> {
  for (const row of rows) {
    if (row.baseline !== null || row.framework !== framework) continue
    if (isStoredWhole(row.title, framework, await controlsOf(client, row))) return row
  }
  return undefined
}

async function controlsOf(client: Client, { id }: CatalogIdentity): Promise<readonly TitledControl[]> {
  return (await titledControls(client, [id])).get(id) ?? []
}

/** One catalog's controls over another's would mark those as removed, or mix the two. */
function refuseOther(row: CatalogIdentity, controls: readonly TitledControl[], wanted: CatalogImport): void {
  const message = otherFramework(row, controls, wanted) ?? otherPart(row, wanted)
  if (message !== undefined) throw new InputError({ file: wanted.source, message })
}

/** A new title gives a catalog a new framework's name, so the controls count too; revisions are never one. */
function otherFramework(
  { name, framework }: CatalogIdentity,
  controls: readonly TitledControl[],
  wanted: CatalogImport,
): string | undefined {
  if (framework === undefined) return undefined
  if (coversFramework(framework, wanted.framework) || coversFramework(wanted.framework, framework))
    return undefined
  const areRevisions = isNist80053(framework) && isNist80053(wanted.framework)
  if (!areRevisions && isSameContent(controls, wanted)) return undefined
  const edition = areRevisions ? '' : `, or, for a new edition, this framework with --framework ${framework}`
  return `this is ${wanted.framework}, but the catalog "${name}" holds ${framework}; give another name with --name${edition}`
}

/** The complete catalog, by its title, and a selection or tailoring of it. */
function otherPart(
  { name, title, framework = '' }: CatalogIdentity,
  wanted: CatalogImport,
): string | undefined {
  const [stored, given] = [nistClaim(title), nistClaim(wanted.title)]
  if (stored === undefined || given === undefined) return undefined
  if ((stored.kind === 'whole') === (given.kind === 'whole')) return undefined
  return `the catalog "${name}" holds another selection of ${framework} ("${title}"); give another name with --name`
}

/** True if more than half of the row's controls have the same title in the new document. */
function isSameContent(
  controls: readonly TitledControl[],
  { controls: wanted, framework }: CatalogImport,
): boolean {
  const titles = new Map<string, string>()
  for (const { canonical, title } of wanted) titles.set(formerControlId(canonical), wordsOf(title))
  const same = controls.filter(({ id, title }) => {
    const canonical = canonicalControlId(id, framework)
    return canonical !== undefined && titles.get(formerControlId(canonical)) === wordsOf(title)
  })
  return same.length * 2 > controls.length
}
