import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import { findBaseline, listBaselines } from '../db/inputs/baselines.ts'
import type { CatalogIdentity } from '../db/inputs/catalog-identities.ts'
import type { StoredControl } from '../db/inputs/controls.ts'
import { listSelectableSystems } from '../db/inputs/systems.ts'
import { suggestion } from '../document.ts'
import { InputError } from '../errors.ts'
import { rulesFor } from '../rules/rule-set.ts'
import { baselineControls } from '../selection/baseline.ts'
import type { Baseline } from '../selection/baseline.ts'
import { chooseControls } from '../selection/controls.ts'
import type { ChosenControls } from '../selection/controls.ts'
import { chooseSystems, needsAttributes } from '../selection/systems.ts'
import type { Chosen } from '../selection/systems.ts'
import { plural } from '../words.ts'
import type { RunRequest } from './request.ts'

/** The controls of a run. */
export type ControlScope = {
  readonly selected: readonly StoredControl[]
  /** Not decided for themselves, and needed where a selected one depends on them. */
  readonly others: readonly StoredControl[]
  /**
   * Digest of the selected rows, null when they are all there are. Not of what the user wrote: a baseline or a pattern
   * may mean other controls tomorrow, and only runs of the very same controls replace each other's answers.
   */
  readonly digest: string | null
  /** Digest of the selected rows, also when they are all there are; undefined without a selection of controls. */
  readonly chosen?: string
}

/**
 * Which of the active controls a run decides. Throws an InputError when the selection knows no such baseline or, unless
 * that is allowed, leaves nothing.
 */
export async function controlsInScope(
  client: Client,
  request: RunRequest,
  active: readonly StoredControl[],
  catalogs: ReadonlyMap<number, CatalogIdentity>,
): Promise<ControlScope> {
  const selector = request.selection?.controls
  if (selector === undefined) return { selected: active, others: [], digest: null }
  const baseline = selector.baseline === undefined ? undefined : await baselineOf(client, selector.baseline)
  const choice = chooseControls(active, selector, {
    members: baseline && baselineControls(baseline, active, [...catalogs.values()]),
    hasRules: (framework) => rulesFor(request.ruleSet, framework) !== undefined,
  })
  report(request, choice, 'controls', `the ${plural(active.length, 'active control')}`)
  reportNamesakes(request, choice, catalogs)
  const selected = new Set(choice.chosen)
  const digest = createHash('sha256')
    .update(JSON.stringify(choice.chosen.map(({ id }) => id)))
    .digest('hex')
  return {
    selected: choice.chosen,
    others: active.filter((control) => !selected.has(control)),
    digest: selected.size === active.length ? null : digest,
    chosen: digest,
  }
}

/** Ids of the systems that a run decides, null for all of its environment. Throws as `controlsInScope` does. */
export async function systemsInScope(client: Client, request: RunRequest): Promise<number[] | null> {
  const { environment, selection } = request
  const selector = selection?.systems
  if (selector === undefined) return null
  const systems = await listSelectableSystems(client, environment, needsAttributes(selector))
  const choice = chooseSystems(systems, selector)
  report(
    request,
    choice,
    'systems',
    `the ${plural(systems.length, 'system')} of environment "${environment}"`,
  )
  return choice.chosen.map(({ id }) => id)
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

/** An empty choice is refused; a name or pattern that is there for nothing beside others is told. */
function report(
  { selection, observer }: RunRequest,
  { chosen, unmatched, tally }: Chosen<unknown>,
  part: 'systems' | 'controls',
  of: string,
): void {
  if (chosen.length === 0 && selection?.allowEmpty !== true) {
    const missing = unmatched.length === 0 ? '' : `not there: ${someOf(unmatched)}; `
    throw new InputError(
      `selection.${part} matches none of ${of} (each condition alone: ${tally()}); ${missing}` +
        'correct it, or allow that with allowEmpty (--allow-empty)',
    )
  }
  if (unmatched.length === 0) return
  observer?.({
    type: 'warning',
    message: `selection.${part} names what is not there: ${someOf(unmatched)}`,
  })
}

function someOf(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? `, … (${names.length} in all)` : ''
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`
}

/** Controls of the same name that were left out, because no framework was named and no rules are for theirs. */
function reportNamesakes(
  { observer }: RunRequest,
  { namesakes }: ChosenControls<StoredControl>,
  catalogs: ReadonlyMap<number, CatalogIdentity>,
): void {
  for (const { text, controls } of namesakes.slice(0, MOST_NAMED)) {
    const left = [...new Set(controls.map(({ catalogId }) => catalogId))].map((id) => {
      const { name = '', framework = 'unknown' } = catalogs.get(id) ?? {}
      return `"${name}" (framework ${framework})`
    })
    observer?.({
      type: 'warning',
      message:
        `selection.controls: ${text} is also in ${left.join(', ')}, where no rule pack is for it, and is not selected there; ` +
        'name a framework (--framework) to choose',
    })
  }
}

const MOST_NAMED = 10
