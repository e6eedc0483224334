import type { Client } from 'pg'
import { getJobRun } from '../db/runs/job-runs.ts'
import type { RunRef } from '../db/runs/run-ref.ts'
import { RunError } from '../errors.ts'

/**
 * The error of an attempt whose run is no longer in the database. The attempt neither continues in another run that has
 * the number now, nor restarts its own: its decisions belong to a state of the database that is lost.
 */
export async function missingRunError(client: Client, run: RunRef): Promise<RunError> {
  return new RunError(
    `run ${run.id} (key ${run.run_key}) is no longer in this database: its job_runs row was deleted, or the database ` +
      'went back to an earlier state (a standby was promoted that lacked the last transactions, or a backup was ' +
      `restored)${await numberOwner(client, run)}. Nothing more was stored; start the run again with the same key to ` +
      'validate everything anew',
  )
}

/** The run that has the number now, as a clause for the message, because users look for a run by its number. */
async function numberOwner(client: Client, { id, run_key: key }: RunRef): Promise<string> {
  const other = await getJobRun(client, id)
  if (other === undefined) return ''
  if (other.run_key === key)
    return `; run ${id} was restarted with the same key at ${other.reference_time} UTC`
  return `; the number ${id} now belongs to another run (${other.run_key === null ? 'without a key' : `key ${other.run_key}`})`
}
