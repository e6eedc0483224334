import type { Client } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { asError } from '../../errors.ts'
import { storageProblem } from '../../storable-text.ts'
import { lostConnection } from '../session/client.ts'
import { droppedRows } from '../session/dropped-rows.ts'
import { UnstorableText } from '../session/errors.ts'
import { checkedResult } from './new-result.ts'
import type { NewResult } from './new-result.ts'
import type { Decision, Status } from '../../validation/model.ts'

const COPY_RESULTS = `COPY validation_results
  (system_id, control_id, status, message, evidence_keys, remediation, validated_at, attributes, job_run_id) FROM STDIN`

/** 64 KiB a write: one write per row costs six times the time, larger ones gain nothing. */
const CHUNK_BYTES = 64 * 1024

export function statusLabel(status: Status): string {
  return status.toUpperCase()
}

/** Stores one result; for programs that use the library. A run stores its results with `writeResults`. */
export async function addValidationResult(client: Client, result: NewResult): Promise<void> {
  await addValidationResults(client, [result])
}

/**
 * Stores many results by one COPY: all of them, or none if one is refused (an InputError) or cannot be stored. Throws
 * DroppedRows where a trigger has dropped some: the others are there, unless the caller's transaction is rolled back.
 */
export async function addValidationResults(client: Client, results: Iterable<NewResult>): Promise<void> {
  const writer = openResultWriter(client)
  const written: WrittenRow[] = []
  let stored: number
  try {
    for (const result of results) {
      const { systemId, controlId, decision, jobRunId, validatedAt } = checkedResult(result)
      await writer.write(`${systemId}\t${controlId}\t`, resultTail(decision, validatedAt, jobRunId))
      written.push([systemId, controlId, jobRunId, validatedAt])
    }
    stored = await writer.end()
  } catch (error) {
    await writer.abort(asError(error))
    throw error
  }
  if (stored !== written.length) await requireRows(client, written)
}

type WrittenRow = readonly [systemId: number, controlId: number, jobRunId: number | null, validatedAt: string]

/**
 * COPY does not count a row that a trigger has taken from it. Such a trigger may have stored the row elsewhere, as those
 * of inherited partitions do: so the rows themselves are looked for.
 */
async function requireRows(client: Client, written: readonly WrittenRow[]): Promise<void> {
  const { rows } = await client.query<{ missing: number; system: number; control: number }>(
    `SELECT count(*) OVER ()::int AS missing, w.system_id AS system, w.control_id AS control
       FROM unnest($1::int[], $2::int[], $3::int[], $4::timestamp[])
              AS w (system_id, control_id, job_run_id, validated_at)
      WHERE NOT EXISTS (SELECT FROM validation_results v
                         WHERE v.system_id = w.system_id AND v.control_id = w.control_id
                           AND v.job_run_id IS NOT DISTINCT FROM w.job_run_id AND v.validated_at = w.validated_at)
      LIMIT 1`,
    [0, 1, 2, 3].map((column) => written.map((row) => row[column])),
  )
  const [row] = rows
  if (row === undefined) return
  const { missing, system, control } = row
  throw await droppedRows(
    client,
    'validation_results',
    `${missing} of the ${written.length} results that were written (one of them: system ${system}, control ${control})`,
  )
}

/** The part of a COPY line after system and control. Rows that share a decision share these bytes. */
export function resultTail(decision: Decision, validatedAt: string, jobRunId: number | null): Buffer {
  const { status, message, evidenceKeys, remediation, attributes } = decision
  const columns = [
    statusLabel(status),
    message,
    JSON.stringify(evidenceKeys),
    remediation,
    validatedAt,
    JSON.stringify(attributes),
    jobRunId === null ? null : String(jobRunId),
  ]
  // Every column is escaped: one unescaped tab or line break would forge a row.
  return Buffer.from(`${columns.map((text) => (text === null ? '\\N' : copyText(text))).join('\t')}\n`)
}

const COPY_ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** COPY's text format (PostgreSQL manual, COPY, "Text Format"). Throws where the server would refuse the text, or change it. */
function copyText(text: string): string {
  const problem = storageProblem(text)
  if (problem !== undefined)
    throw new UnstorableText(`a text of the result holds ${problem}: ${JSON.stringify(text)}`)
  return text.replace(/[\\\n\r\t]/g, (character) => COPY_ESCAPES[character] ?? character)
}

export type ResultWriter = {
  /** Adds one line: `head` (ASCII) and then `tail`. Resolves when the next line may come. */
  write(head: string, tail: Buffer): Promise<void> | undefined
  /** Sends the rest; rejects if the server refused any row. Resolves to how many it says it has stored. */
  end(): Promise<number>
  /** Ends the COPY without storing; the session is usable again (its transaction is not). */
  abort(error: Error): Promise<void>
}

/** Starts a COPY in the client's open transaction. */
export function openResultWriter(client: Client): ResultWriter {
  const stream = client.query(copyFrom(COPY_RESULTS, { highWaterMark: 2 * CHUNK_BYTES }))
  // Kept as a value: the stream may fail between two writes, when nothing awaits it yet. After a failure nothing may
  // be written any more: the stream has let go of its connection and would throw a TypeError instead.
  let failure: Error | undefined
  const finished = new Promise<void>((resolve) => {
    stream.once('finish', resolve).on('error', (error: Error) => {
      failure ??= lostConnection(error)
      resolve()
    })
  })
  let chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let used = 0

  const flush = async (): Promise<void> => {
    if (failure !== undefined) throw failure
    const ready = stream.write(chunk.subarray(0, used))
    chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    used = 0
    if (ready) return
    await Promise.race([new Promise((resolve) => void stream.once('drain', resolve)), finished])
    if (failure !== undefined) throw failure
  }
  const append = (head: string, tail: Buffer): void => {
    used += chunk.write(head, used, 'latin1')
    used += tail.copy(chunk, used)
  }
  const appendAfterFlush = async (head: string, tail: Buffer): Promise<void> => {
    await flush()
    if (head.length + tail.length > CHUNK_BYTES) chunk = Buffer.allocUnsafeSlow(head.length + tail.length)
    append(head, tail)
  }
  return {
    // Not async: a promise per row would cost more than the row.
    write(head, tail) {
      if (used + head.length + tail.length > CHUNK_BYTES) return appendAfterFlush(head, tail)
      append(head, tail)
      return undefined
    },
    async end() {
      if (failure === undefined) stream.end(chunk.subarray(0, used))
      await finished
      if (failure !== undefined) throw failure
      return stream.rowCount
    },
    async abort(error) {
      // Without it the session would wait for rows for ever, and with it the ROLLBACK queued behind the COPY.
      if (failure === undefined) stream.destroy(error)
      await finished
    },
  }
}
