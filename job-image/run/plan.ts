import { defined } from '../../common/defined.ts'
import { sha256Hex } from '../../common/sha256.ts'
import type { Client } from 'pg'
import { listCatalogIdentities } from '../db/inputs/catalog-identities.ts'
import type { CatalogIdentity } from '../db/inputs/catalog-identities.ts'
import { listControls } from '../db/inputs/controls.ts'
import type { StoredControl } from '../db/inputs/controls.ts'
import { lockJobRun, markPlanned } from '../db/runs/job-runs.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { storePlan } from '../db/record/plans.ts'
import type { SetControl } from '../db/record/plans.ts'
import { queueSystems } from '../db/record/queue.ts'
import { canonicalControlId, shownControlId } from '../rules/control-id.ts'
import { scopeOfBaseline } from '../selection/scope.ts'
import { compilePlan } from '../validation/decide.ts'
import type { ValidationPlan } from '../validation/decide.ts'
import { planDigest } from '../validation/plan-digest.ts'
import { reuseResults } from './reuse.ts'
import { missingRunError } from './missing-run.ts'
import { digestsOf, refuseDigests } from './digests.ts'
import type { RunOptions } from './options.ts'
import { controlsInScope, systemsInScope } from './scope.ts'
import type { ControlScope } from './scope.ts'
import { unruledCatalogs } from './unruled.ts'

export type PlannedRun = {
  readonly plan: ValidationPlan
  /** `planDigest` of the plan. */
  readonly digest: Buffer
  /** The stored control set, in the order of the plan's controls. */
  readonly controlSetId: number
}

/**
 * Reads the controls and, if no attempt has done so yet, queues the systems in scope. Must run inside a transaction: the
 * run's row is locked, so one of several attempts plans and the others compare. Throws an InputError for an empty selection.
 */
export async function planRun(client: Client, run: JobRun, options: RunOptions): Promise<PlannedRun> {
  const locked = await lockJobRun(client, run)
  if (locked === undefined) throw await missingRunError(client, run)
  const catalogs = await listCatalogIdentities(client, options.frameworks)
  const controls = (await listControls(client, catalogs)).filter(({ active }) => active)
  const scope = await controlsInScope(client, options, controls, catalogs)
  const plan = compilePlan(options.ruleSet, scope.selected, scope.others)
  const digest = planDigest(plan)
  const digests = { ...digestsOf(options), controls: controlSetDigest(controls, scope) }
  const stored = async (): Promise<PlannedRun> => {
    const named = namedControls(controls, plan, catalogs)
    return { plan, digest, controlSetId: await storePlan(client, plan, digest, named) }
  }
  if (locked.planned_at !== null) {
    refuseDigests(locked, digests)
    return stored()
  }
  for (const message of unruledCatalogs(options.ruleSet, scope.selected, catalogs)) {
    options.observer?.({ type: 'warning', message })
  }
  const only = await systemsInScope(client, options)
  const reused = await reuseResults(client, run, options, digest, only)
  const queued = await queueSystems(client, run, options.environment, only)
  const systems = queued + (reused?.carried ?? 0)
  const metrics = {
    systems,
    controls: plan.controls.length,
    invalid_controls: plan.invalidControls.length,
    results_saved: 0,
    errors: 0,
  }
  // The names explain an Incomplete verdict from the row; their number is bounded, because a bad import may break all.
  const invalid = plan.invalidControls.slice(0, MOST_NAMED_CONTROLS).map(({ controlId, message }) => ({
    control: controlId,
    problem: message,
  }))
  const baseline = scopeOfBaseline(options.selection, scope.chosen)
  await markPlanned(client, run, {
    metrics,
    attributes: defined({
      digests,
      scope: baseline,
      invalid_controls: invalid.length > 0 ? invalid : undefined,
      incremental: reused,
    }),
    controlScope: scope.digest,
    planDigest: digest,
  })
  return stored()
}

/** The controls of the plan, in its order, with the names that the record keeps. */
function namedControls(
  stored: readonly StoredControl[],
  plan: ValidationPlan,
  catalogs: ReadonlyMap<number, CatalogIdentity>,
): SetControl[] {
  const families = new Map(stored.map(({ id, family }) => [id, family]))
  return plan.controls.map(({ id, controlId, catalogId, framework }) => {
    const control = shownControlId(controlId, canonicalControlId(controlId, framework))
    return { id, catalog: catalogs.get(catalogId)?.name ?? '', control, family: families.get(id) ?? '' }
  })
}

const MOST_NAMED_CONTROLS = 50

/** Digest of the rows that decisions depend on, evidence excluded, and of the selected controls. */
function controlSetDigest(controls: readonly StoredControl[], scope: ControlScope): string {
  const rows = controls.map(({ id, catalogId, framework, controlId, requirements, problem, remediation }) => {
    const decisive = [id, catalogId, framework ?? null, controlId, requirements, problem ?? null]
    return JSON.stringify([...decisive, remediation ?? null])
  })
  return sha256Hex([...rows, scope.digest ?? ''].join(''))
}
