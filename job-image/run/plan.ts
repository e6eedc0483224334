import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import { listControls } from '../db/controls.ts'
import type { StoredControl } from '../db/controls.ts'
import { lockJobRunById, markPlanned } from '../db/job-runs.ts'
import type { JobRun } from '../db/job-runs.ts'
import { queueSystems } from '../db/run-systems.ts'
import { compilePlan } from '../validation/decide.ts'
import type { ValidationPlan } from '../validation/decide.ts'
import { digestsOf, refuseDigests } from './open.ts'
import type { RunRequest } from './request.ts'

/**
 * Reads the controls and, if nobody has yet, queues the systems of the environment. Runs inside a transaction: the
 * run's row is locked, so of several attempts one plans and the others compare.
 */
export async function planRun(client: Client, run: JobRun, request: RunRequest): Promise<ValidationPlan> {
  const locked = await lockJobRunById(client, run.id)
  const controls = (await listControls(client)).filter(({ active }) => active)
  const plan = compilePlan(request.ruleSet, controls)
  const digests = { ...digestsOf(request), controls: controlSetDigest(controls) }
  if (locked !== undefined && locked.planned_at !== null) {
    refuseDigests(locked, digests)
    return plan
  }
  const systems = await queueSystems(client, run.id, request.environment)
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
  await markPlanned(client, run.id, metrics, {
    digests,
    ...(invalid.length > 0 && { invalid_controls: invalid }),
  })
  return plan
}

const MOST_NAMED_CONTROLS = 50

/** Over everything in the database that decisions depend on, evidence apart. */
function controlSetDigest(controls: readonly StoredControl[]): string {
  const hash = createHash('sha256')
  for (const { id, catalogId, controlId, requirements, problem, remediation } of controls) {
    hash.update(
      JSON.stringify([id, catalogId, controlId, requirements, problem ?? null, remediation ?? null]),
    )
  }
  return hash.digest('hex')
}
