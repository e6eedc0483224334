import type { Client } from 'pg'
import { STAY_ON_INDEXES } from '../session/stay-on-indexes.ts'
import { runRecords } from './records.ts'
import type { StoredRecord } from './records.ts'

/** A system of a run, for commands that go through all records of a run. */
export type RunSystemName = {
  readonly systemId: number
  /** Null if the system is no longer in the database. */
  readonly name: string | null
  /** Why the system could not be evaluated; null: it was. */
  readonly error: string | null
}

export type RecordPage = {
  readonly systems: readonly RunSystemName[]
  /** The records by system; one that could not be evaluated, or was before there were records, has none. */
  readonly records: ReadonlyMap<number, StoredRecord>
}

/** Systems per page: some hundred kilobytes of details. */
const PAGE = 50

/** The records of a run, page by page, by the system's id. `system` restricts them to the system of this name. */
export async function* recordPages(
  client: Client,
  runId: number,
  system: string | undefined,
): AsyncGenerator<RecordPage> {
  await client.query(STAY_ON_INDEXES)
  for (let after = 0; ;) {
    const { rows: systems } = await client.query<RunSystemName>(
      `SELECT q.system_id AS "systemId", s.name, q.error
         FROM run_records q LEFT JOIN systems s ON s.id = q.system_id
        WHERE q.job_run_id = $1 AND q.system_id > $2 AND ($3::text IS NULL OR s.name = $3)
        ORDER BY q.system_id LIMIT $4`,
      [runId, after, system ?? null, PAGE],
    )
    const last = systems.at(-1)
    if (last === undefined) return
    after = last.systemId
    const ids = systems.map(({ systemId }) => systemId)
    const records = await runRecords(client, runId, ids)
    yield { systems, records: new Map(records.map((record) => [record.systemId, record])) }
  }
}
