import type { Client } from 'pg'
import { readBits } from '../../record/bits.ts'
import type { Bits } from '../../record/bits.ts'

/** The statuses of one system of a run as bit strings, one bit per control of the control set. */
export type SystemPlanes = {
  readonly systemId: number
  readonly controlSetId: number
  readonly pass: Bits
  /** Undefined if no control fails. */
  readonly fail: Bits | undefined
  /** The controls whose status is unknown for every system. */
  readonly unknown: Bits
}

type Row = {
  readonly systemId: number
  readonly controlSetId: number
  readonly pass: Buffer
  readonly fail: Buffer | null
}

/**
 * The statuses of a run's systems, ordered by id: about 130 bytes for 1,007 controls, so that 10,000 systems fit into
 * memory. Records that were made by another plan than the run's (reused ones never are) cannot occur.
 */
export async function readPlanes(client: Client, runId: number): Promise<SystemPlanes[]> {
  const { rows: plans } = await client.query<{ unknown: Buffer }>(
    `SELECT varbit_send(p.unknown) AS unknown
       FROM job_runs r JOIN plans p ON p.digest = r.plan_digest WHERE r.id = $1`,
    [runId],
  )
  const [plan] = plans
  if (plan === undefined) return []
  const unknown = readBits(plan.unknown)
  const { rows } = await client.query<Row>(
    `SELECT system_id AS "systemId", control_set_id AS "controlSetId", varbit_send(pass) AS pass, varbit_send(fail) AS fail
       FROM run_records WHERE job_run_id = $1 AND pass IS NOT NULL
      ORDER BY system_id`,
    [runId],
  )
  return rows.map(({ systemId, controlSetId, pass, fail }) => ({
    systemId,
    controlSetId,
    pass: readBits(pass),
    fail: fail === null ? undefined : readBits(fail),
    unknown,
  }))
}
