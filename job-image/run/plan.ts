import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import { listCatalogIdentities } from '../db/inputs/catalog-identities.ts'
import { listControls } from '../db/inputs/controls.ts'
import type { StoredControl } from '../db/inputs/controls.ts'
import { lockJobRun, markPlanned } from '../db/runs/job-runs.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import { queueSystems } from '../db/runs/run-systems.ts'
import { scopeOfBaseline } from '../selection/scope.ts'
import { compilePlan } from '../validation/decide.ts'
import type { ValidationPlan } from '../validation/decide.ts'
import { planDigest } from '../validation/plan-digest.ts'
import { carryOver } from './reuse.ts'
import { runGone } from './gone.ts'
import { digestsOf, refuseDigests } from './open.ts'
import type { RunRequest } from './request.ts'
import { controlsInScope, systemsInScope } from './scope.ts'
import type { ControlScope } from './scope.ts'
import { unruledCatalogs } from './unruled.ts'

export type PlannedRun = {
  readonly plan: ValidationPlan
  /** `planDigest` of it. */
  readonly digest: Buffer
}

/**
 * Reads the controls and, if nobody has yet, queues the systems in scope. Runs inside a transaction: the run's row is
 * locked, so of several attempts one plans and the others compare. Throws an InputError for a selection of nothing.
 */
export async function planRun(client: Client, run: JobRun, request: RunRequest): Promise<PlannedRun> {
  const locked = await lockJobRun(client, run)
  if (locked === undefined) throw await runGone(client, run)
  const catalogs = await listCatalogIdentities(client, request.frameworks)
  const controls = (await listControls(client, catalogs)).filter(({ active }) => active)
  const scope = await controlsInScope(client, request, controls, catalogs)
  const plan = compilePlan(request.ruleSet, scope.selected, scope.others)
  const planned = { plan, digest: planDigest(plan) }
  const digests = { ...digestsOf(request), controls: controlSetDigest(controls, scope) }
  if (locked.planned_at !== null) {
    refuseDigests(locked, digests)
    return planned
  }
  for (const message of unruledCatalogs(request.ruleSet, scope.selected, catalogs)) {
    request.observer?.({ type: 'warning', message })
  }
  const only = await systemsInScope(client, request)
  const carried = await carryOver(client, run, request, planned.digest, only)
  const queued = await queueSystems(client, run, request.environment, only)
  const systems = queued + (carried?.carried ?? 0)
  const metrics = {
    systems,
    controls: plan.controls.length,
    invalid_controls: plan.invalidControls.length,
    results_saved: 0,
    errors: 0,
  }
  // By name, so that "Incomplete" can be explained from the row; bounded, because a bad import may break them all.
  const invalid = plan.invalidControls.slice(0, MOST_NAMED_CONTROLS).map(({ controlId, message }) => ({
    control: controlId,
    problem: message,
  }))
  const baseline = scopeOfBaseline(request.selection, scope.chosen)
  await markPlanned(client, run, {
    metrics,
    attributes: {
      digests,
      ...(baseline && { scope: baseline }),
      ...(invalid.length > 0 && { invalid_controls: invalid }),
      ...(carried !== undefined && { incremental: carried }),
    },
    controlScope: scope.digest,
  })
  return planned
}

const MOST_NAMED_CONTROLS = 50

/** Over everything in the database that decisions depend on, evidence apart, and over which of it is decided. */
function controlSetDigest(controls: readonly StoredControl[], scope: ControlScope): string {
  const hash = createHash('sha256')
  for (const { id, catalogId, framework, controlId, requirements, problem, remediation } of controls) {
    const decisive = [id, catalogId, framework ?? null, controlId, requirements, problem ?? null]
    hash.update(JSON.stringify([...decisive, remediation ?? null]))
  }
  if (scope.digest !== null) hash.update(scope.digest)
  return hash.digest('hex')
}
