import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { once } from 'node:events'
import type { Client } from 'pg'
import { connect, disconnect, inTransaction } from '../job-image/db/session/client.ts'

// The writers with which the job is compared: they store the same rows in the same table by other means.

const COLUMNS =
  'system_id, control_id, status, message, evidence_keys, remediation, validated_at, attributes, job_run_id'

/** Rows in COPY's text format, in pieces of about 64 KiB that end with a row. */
export type Rows = { readonly chunks: readonly Buffer[]; readonly count: number; readonly bytes: number }

const CHUNK_BYTES = 64 * 1024

/** Reads the whole table in the order in which it was stored. */
export async function readRows(client: Client): Promise<Rows> {
  const stream = client.query(
    copyTo(`COPY (SELECT ${COLUMNS} FROM validation_results ORDER BY id) TO STDOUT`),
  )
  const chunks: Buffer[] = []
  let open = Buffer.alloc(0)
  for await (const piece of stream as AsyncIterable<Buffer>) {
    open = Buffer.concat([open, piece])
    if (open.length < CHUNK_BYTES) continue
    // A line feed inside a value is escaped, so each line feed ends a row.
    const end = open.lastIndexOf('\n') + 1
    chunks.push(open.subarray(0, end))
    open = open.subarray(end)
  }
  if (open.length > 0) chunks.push(open)
  return { chunks, count: stream.rowCount, bytes: chunks.reduce((sum, { length }) => sum + length, 0) }
}

/** Runs COPY in `streams` concurrent sessions, each with a contiguous part of the rows; returns ms. */
export async function copyRows(url: string, { chunks }: Rows, streams: number): Promise<number> {
  const clients = await Promise.all(Array.from({ length: streams }, () => connect({ url })))
  const share = Math.ceil(chunks.length / streams)
  const started = performance.now()
  await Promise.all(
    clients.map((client, index) => copyChunks(client, chunks.slice(index * share, (index + 1) * share))),
  )
  const took = performance.now() - started
  await Promise.all(clients.map(disconnect))
  return took
}

async function copyChunks(client: Client, chunks: readonly Buffer[]): Promise<void> {
  const stream = client.query(copyFrom(`COPY validation_results (${COLUMNS}) FROM STDIN`))
  for (const chunk of chunks) {
    if (!stream.write(chunk)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
}

/** The number of rows that are inserted one by one: all of them would take a minute. */
export const INSERT_SAMPLE = 20_000

export type Row = readonly (string | null)[]

/** Reads up to `limit` rows as the texts of their columns. */
export async function sampleRows(client: Client, limit: number): Promise<Row[]> {
  const texts = COLUMNS.split(', ')
    .map((column) => `${column}::text`)
    .join(', ')
  const { rows } = await client.query<(string | null)[]>({
    text: `SELECT ${texts} FROM validation_results ORDER BY id LIMIT $1`,
    values: [limit],
    rowMode: 'array',
  })
  return rows
}

/** Runs one prepared INSERT per row, all in one transaction; returns ms. */
export async function insertRows(url: string, rows: readonly Row[]): Promise<number> {
  const client = await connect({ url })
  const text = `INSERT INTO validation_results (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
  const started = performance.now()
  await inTransaction(client, async () => {
    for (const values of rows) await client.query({ name: 'insert', text, values: [...values] })
  })
  const took = performance.now() - started
  await disconnect(client)
  return took
}
