import { sha256Hex } from '../../common/sha256.ts'
import type { Client } from 'pg'
import { findBaseline, listBaselines } from '../db/inputs/baselines.ts'
import { listCatalogIdentities } from '../db/inputs/catalog-identities.ts'
import type { CatalogIdentity } from '../db/inputs/catalog-identities.ts'
import { listControls } from '../db/inputs/controls.ts'
import type { StoredControl } from '../db/inputs/controls.ts'
import { listSelectableSystems, listSystemsByEnvironment } from '../db/inputs/systems.ts'
import { suggestion } from '../document.ts'
import { InputError } from '../errors.ts'
import { rulesFor } from '../rules/rule-set.ts'
import { baselineControls } from '../selection/baseline.ts'
import type { Baseline } from '../selection/baseline.ts'
import { chooseControls } from '../selection/controls.ts'
import type { ChosenControls } from '../selection/controls.ts'
import { chooseSystems, needsAttributes } from '../selection/systems.ts'
import type { Chosen } from '../selection/systems.ts'
import { plural } from '../plural.ts'
import type { RunOptions } from './options.ts'

/** The controls of a run. */
export type ControlScope = {
  readonly selected: readonly StoredControl[]
  /** Controls outside of the selection; evaluated only as prerequisites of selected ones. */
  readonly others: readonly StoredControl[]
  /**
   * Digest of the selected rows; null if all are selected. It covers the rows and not the selection's text: a baseline or
   * a pattern may match other controls tomorrow, and only runs of the same controls replace each other's results.
   */
  readonly digest: string | null
  /** Digest of the selected rows, even if all are selected; undefined without a selection of controls. */
  readonly chosen?: string
}

/**
 * Selects the controls of a run from the active ones. Throws an InputError if the baseline does not exist or, unless
 * `allowEmpty` is set, nothing is selected.
 */
export async function controlsInScope(
  client: Client,
  options: RunOptions,
  active: readonly StoredControl[],
  catalogs: ReadonlyMap<number, CatalogIdentity>,
): Promise<ControlScope> {
  const selector = options.selection?.controls
  if (selector === undefined) return { selected: active, others: [], digest: null }
  const baseline = selector.baseline === undefined ? undefined : await baselineOf(client, selector.baseline)
  const choice = chooseControls(active, selector, {
    members: baseline && baselineControls(baseline, active, [...catalogs.values()]),
    hasRules: (framework) => rulesFor(options.ruleSet, framework) !== undefined,
  })
  report(options, choice, 'controls', `the ${plural(active.length, 'active control')}`)
  reportNamesakes(options, choice, catalogs)
  const selected = new Set(choice.chosen)
  const digest = sha256Hex(JSON.stringify(choice.chosen.map(({ id }) => id)))
  return {
    selected: choice.chosen,
    others: active.filter((control) => !selected.has(control)),
    digest: selected.size === active.length ? null : digest,
    chosen: digest,
  }
}

/** Ids of the systems that a run evaluates; null for all of its environment. Throws as `controlsInScope` does. */
export async function systemsInScope(client: Client, options: RunOptions): Promise<number[] | null> {
  const { environment, selection } = options
  const selector = selection?.systems
  if (selector === undefined) return null
  const systems = await listSelectableSystems(client, environment, needsAttributes(selector))
  const choice = chooseSystems(systems, selector)
  report(
    options,
    choice,
    'systems',
    `the ${plural(systems.length, 'system')} of environment "${environment}"`,
  )
  return choice.chosen.map(({ id }) => id)
}

/** The largest number of results that a run of this selection stores. Planning reports the warnings, not this. */
export async function neededResults(client: Client, observed: RunOptions): Promise<number> {
  const options = { ...observed, observer: () => {} }
  const catalogs = await listCatalogIdentities(client, options.frameworks)
  const active = (await listControls(client, catalogs)).filter((control) => control.active)
  const { selected } = await controlsInScope(client, options, active, catalogs)
  const systems =
    (await systemsInScope(client, options)) ?? (await listSystemsByEnvironment(client, options.environment))
  return systems.length * selected.length
}

async function baselineOf(client: Client, name: string): Promise<Baseline> {
  const found = await findBaseline(client, name)
  if (found !== undefined) return found
  const known = (await listBaselines(client)).map((baseline) => baseline.name)
  throw new InputError(
    `selection.controls.baseline: there is no baseline ${JSON.stringify(name)} here` +
      (suggestion(name, known) || '; import its profile with "rapidrmf catalog import"'),
  )
}

/** Refuses an empty selection, and warns of names and patterns that match nothing. */
function report(
  { selection, observer }: RunOptions,
  { chosen, unmatched, tally }: Chosen<unknown>,
  part: 'systems' | 'controls',
  of: string,
): void {
  if (chosen.length === 0 && selection?.allowEmpty !== true) {
    const missing = unmatched.length === 0 ? '' : `not found: ${someOf(unmatched)}; `
    throw new InputError(
      `selection.${part} matches none of ${of} (each condition alone: ${tally()}); ${missing}` +
        'correct it, or allow that with allowEmpty (--allow-empty)',
    )
  }
  if (unmatched.length === 0) return
  observer?.({
    type: 'warning',
    message: `selection.${part}: not found: ${someOf(unmatched)}`,
  })
}

function someOf(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? `, … (${names.length} in all)` : ''
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`
}

/** Warns of controls of the same name that were not selected: no framework was given, and no rules exist for theirs. */
function reportNamesakes(
  { observer }: RunOptions,
  { namesakes }: ChosenControls<StoredControl>,
  catalogs: ReadonlyMap<number, CatalogIdentity>,
): void {
  for (const { text, controls } of namesakes.slice(0, MOST_NAMED)) {
    const catalogNames = [...new Set(controls.map(({ catalogId }) => catalogId))].map((id) => {
      const { name = '', framework = 'unknown' } = catalogs.get(id) ?? {}
      return `"${name}" (framework ${framework})`
    })
    observer?.({
      type: 'warning',
      message:
        `selection.controls: ${text} is also in ${catalogNames.join(', ')}, for which there is no rule pack, and is not selected there; ` +
        'set a framework (--framework) to select it',
    })
  }
}

const MOST_NAMED = 10
