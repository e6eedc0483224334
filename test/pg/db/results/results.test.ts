import { beforeEach, describe, expect, it } from 'vitest'
import {
  addValidationResult,
  addValidationResults,
  openResultWriter,
  resultTail,
  statusLabel,
} from '../../../../job-image/db/results/results.ts'
import type { NewResult } from '../../../../job-image/db/results/new-result.ts'
import { inTransaction } from '../../../../job-image/db/session/client.ts'
import { UnstorableText } from '../../../../job-image/db/session/errors.ts'
import { InputError } from '../../../../job-image/errors.ts'
import type { Decision } from '../../../../job-image/validation/model.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const systems = await seedWorld(client, { systems: 4, controls: ['AC-1'] })
const [controlId = 0] = await controlIds(client)
const jobRunId = await addRun(client, { answers: [] })

beforeEach(() => client.query('TRUNCATE validation_results'))

const DECISION: Decision = {
  status: 'insufficient_evidence',
  message: 'Evidence is missing.',
  evidenceKeys: ['a.json', 'b.json'],
  remediation: 'Collect it.',
  attributes: { rule: 'AC-1' },
}
const result = (systemId: number, decision: Partial<Decision> = {}): NewResult => ({
  systemId,
  controlId,
  decision: { ...DECISION, ...decision },
  jobRunId,
  validatedAt: '2026-01-01T02:00:00+02:00',
})

type Row = Record<string, unknown>
async function stored(): Promise<Row[]> {
  const { rows } = await client.query<Row>(
    `SELECT system_id, control_id, status::text, message, evidence_keys, remediation, validated_at::text, attributes, job_run_id
       FROM validation_results ORDER BY system_id`,
  )
  return rows
}

describe('results that are added', () => {
  it('are stored with all their columns, the time in UTC', async () => {
    const [one = 0, two = 0] = systems
    await addValidationResults(client, [
      result(one),
      { ...result(two, { status: 'pass', remediation: null, evidenceKeys: [] }), jobRunId: null },
    ])
    const row = {
      control_id: controlId,
      message: 'Evidence is missing.',
      validated_at: '2026-01-01 00:00:00',
      attributes: { rule: 'AC-1' },
    }
    expect(await stored()).toEqual([
      {
        ...row,
        system_id: one,
        status: 'INSUFFICIENT_EVIDENCE',
        evidence_keys: ['a.json', 'b.json'],
        remediation: 'Collect it.',
        job_run_id: jobRunId,
      },
      { ...row, system_id: two, status: 'PASS', evidence_keys: [], remediation: null, job_run_id: null },
    ])
  })

  it('may be one, or none', async () => {
    await addValidationResults(client, [])
    expect(await stored()).toEqual([])
    await addValidationResult(client, result(systems[0]!))
    expect(await stored()).toHaveLength(1)
  })

  it('are all stored, or none if one is refused; the session is usable', async () => {
    const [one = 0, two = 0] = systems
    const refused = { ...result(two), controlId: 0 }
    await expect(addValidationResults(client, [result(one), refused])).rejects.toThrow(InputError)
    const unstorable = result(two, { message: 'a\0b' })
    await expect(addValidationResults(client, [result(one), unstorable])).rejects.toThrow(UnstorableText)
    const unknownControl = { ...result(two), controlId: controlId + 1 }
    await expect(addValidationResults(client, [result(one), unknownControl])).rejects.toThrow(/foreign key/)
    expect(await stored()).toEqual([])
  })

  it('come back as they were, however long: shorter and longer than a chunk of the COPY', async () => {
    const texts = [1, 65_000, 66_000, 300_000].map((length) => '€'.repeat(length))
    await addValidationResults(
      client,
      texts.map((message, index) => result(systems[index]!, { message })),
    )
    expect((await stored()).map(({ message }) => message)).toEqual(texts)
  })

  it('count as stored if a trigger has stored them in a partition', async () => {
    await client.query(
      `CREATE TABLE part () INHERITS (validation_results);
       CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO part SELECT NEW.*; RETURN NULL; END';
       CREATE TRIGGER move BEFORE INSERT ON validation_results FOR EACH ROW EXECUTE FUNCTION move()`,
    )
    try {
      await addValidationResults(client, [result(systems[0]!), result(systems[1]!)])
      expect(await stored()).toHaveLength(2)
    } finally {
      await client.query('DROP TABLE part; DROP FUNCTION move CASCADE')
    }
  })
})

it.each([
  ['a carriage return', '\r'],
  ['a line feed', '\n'],
  ['a tab', '\t'],
  ['a backslash', '\\'],
  ['a backslash before a letter', '\\n'],
  ['what COPY reads as null', '\\N'],
  ['what COPY reads as its end', '\\.'],
])('%s in the texts of a result comes back as it was', async (_, text) => {
  const texts = [text, `${text}after`, `before${text}`, `in ${text} between`]
  await addValidationResults(
    client,
    texts.map((each, index) =>
      result(systems[index]!, {
        message: each,
        evidenceKeys: [each],
        remediation: each,
        attributes: { key: each },
      }),
    ),
  )
  const rows = await stored()
  expect(
    rows.map(({ message, evidence_keys, remediation, attributes }) => ({
      message,
      evidence_keys,
      remediation,
      attributes,
    })),
  ).toEqual(
    texts.map((each) => ({
      message: each,
      evidence_keys: [each],
      remediation: each,
      attributes: { key: each },
    })),
  )
})

describe('a writer of results', () => {
  const tail = resultTail(DECISION, '2026-01-01 00:00:00', jobRunId)

  it('says how many rows the server has stored', async () => {
    const written = await inTransaction(client, async () => {
      const writer = openResultWriter(client)
      for (const systemId of systems) await writer.write(`${systemId}\t${controlId}\t`, tail)
      return writer.end()
    })
    expect(written).toBe(4)
    expect(await stored()).toHaveLength(4)
  })

  it('stores nothing of a COPY that was aborted, and the session is usable', async () => {
    const work = inTransaction(client, async () => {
      const writer = openResultWriter(client)
      await writer.write(`${systems[0]}\t${controlId}\t`, tail)
      await writer.abort(new Error('stopped'))
      throw new Error('stopped')
    })
    await expect(work).rejects.toThrow('stopped')
    expect(await stored()).toEqual([])
  })
})

it('a status has the label of the enum', () => {
  expect(statusLabel('insufficient_evidence')).toBe('INSUFFICIENT_EVIDENCE')
})
