import type { Client } from 'pg'
import { asError } from '../../errors.ts'
import { decodeManifest } from '../../record/manifest.ts'
import { replay } from '../../record/replay.ts'
import { parseTimestamp } from '../../time.ts'
import type { Decision, ValidationPlan } from '../../validation/decide.ts'
import { expandRecord } from './expand.ts'
import { readControlSets, readPlan, runPlanDigest } from './plans.ts'
import type { SetControl } from './plans.ts'
import type { StoredRecord } from './records.ts'
import { recordPages } from './run-pages.ts'
import type { RunSystemName } from './run-pages.ts'

/** What came of evaluating one system again. */
export type SystemReplay = {
  /** The name, or `(deleted, id 7)`. */
  readonly system: string
  readonly differences: readonly AnswerDifference[]
  /** Why it cannot be evaluated again; undefined: it was. */
  readonly problem?: string
}

export type AnswerDifference = {
  readonly control: string
  readonly catalog: string
  readonly stored: Decision
  readonly now: Decision
}

/** Why the run as a whole cannot be replayed. */
export class NotReplayable extends Error {}

/**
 * Evaluates the systems of a run again from its record, with this program and the rules and evidence of then, one page of
 * systems at a time. Throws NotReplayable if the record does not hold the rules.
 */
export async function* replayRun(
  client: Client,
  runId: number,
  system: string | undefined,
): AsyncGenerator<SystemReplay[]> {
  const { plan, controls } = await planOf(client, runId)
  for await (const { systems, records } of recordPages(client, runId, system)) {
    yield systems.map((each) => replaySystem(each, records.get(each.systemId), plan, controls))
  }
}

async function planOf(
  client: Client,
  runId: number,
): Promise<{ readonly plan: ValidationPlan; readonly controls: readonly SetControl[] }> {
  const digest = await runPlanDigest(client, runId)
  if (digest === null) throw new NotReplayable('it was made before runs had records, or by another program')
  try {
    const stored = await readPlan(client, digest)
    if (stored === undefined) throw new RangeError('it is no longer stored')
    const sets = await readControlSets(client, [stored.controlSetId])
    return { plan: stored.plan, controls: sets.get(stored.controlSetId) ?? [] }
  } catch (thrown) {
    if (!(thrown instanceof RangeError || thrown instanceof SyntaxError)) throw thrown
    throw new NotReplayable(`its plan cannot be read: ${thrown.message}`, { cause: thrown })
  }
}

function replaySystem(
  { systemId, name, error }: RunSystemName,
  record: StoredRecord | undefined,
  plan: ValidationPlan,
  controls: readonly SetControl[],
): SystemReplay {
  const system = name ?? `(deleted, id ${systemId})`
  const cannot = (problem: string): SystemReplay => ({ system, differences: [], problem })
  if (error !== null) return cannot(`the run could not evaluate it: ${error}`)
  if (record === undefined) return cannot('it has no record')
  if (record.manifest === null || record.decisions === null)
    return cannot('its details were deleted for their age')
  try {
    const stored = expandRecord(record, controls).map(({ decision }) => decision!)
    const input = {
      plan,
      evidence: decodeManifest(record.manifest),
      referenceTime: parseTimestamp(record.referenceTime),
    }
    const differences = replay(input, stored).map(({ index, ...answers }) => {
      const { control, catalog } = controls[index]!
      return { control, catalog, ...answers }
    })
    return { system, differences }
  } catch (thrown) {
    return cannot(`its record cannot be read: ${asError(thrown).message}`)
  }
}
