import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { migrate } from '../../../job-image/db/schema/schema.ts'
import { nistIndex } from '../../../job-image/oscal/nist-index.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import { createDatabase } from '../../support/database.ts'
import { runRequest } from '../../support/request.ts'

const SCHEMA = readFileSync(new URL('../../support/rapidrmf-schema.sql', import.meta.url), 'utf8').replace(
  /^INSERT INTO [^;]*;$/gm,
  '',
)

/** How RapidRMF's repository fills `catalogs` and `controls`; its own model calls the framework just "NIST". */
type Made = {
  readonly name: string
  readonly title: string
  readonly framework: string
  /** Of each control; RapidRMF's own database script writes "Control AC-2". */
  readonly titled?: (id: string, title: string) => string
  readonly only?: readonly string[]
}

const EVIDENCE: readonly [system: string, types: readonly string[]][] = [
  ['alpha', ['audit-log', 'iam-policy', 'terraform-plan', 'change-request', 'vulnerability-scan', 'sbom']],
  ['beta', ['audit-log', 'mfa-config', 'backup-config']],
  ['gamma', []],
]

async function databaseMadeByRapidRmf({ name, title, framework, titled, only }: Made) {
  const database = await createDatabase('empty')
  const { client } = database
  await client.query(SCHEMA)
  const controls = nistIndex().controls.filter(({ id }) => only === undefined || only.includes(id))
  await client.query(
    `INSERT INTO catalogs (name, title, version, framework, oscal_path, loaded_at, attributes)
     VALUES ($1, $2, 'Rev 5', $3, 'catalogs/NIST_SP-800-53_rev5_catalog.json', '2026-01-01', '{}')`,
    [name, title, framework],
  )
  await client.query(
    `INSERT INTO controls (catalog_id, control_id, title, family, baseline_required, attributes)
     SELECT 1, upper(id), title, upper(split_part(id, '-', 1)), false, '{}'
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c (id, title, n) ORDER BY n`,
    [
      controls.map(({ id }) => id),
      controls.map((control) => titled?.(control.id.toUpperCase(), control.title) ?? control.title),
    ],
  )
  for (const [system, types] of EVIDENCE) {
    await client.query(
      `WITH s AS (INSERT INTO systems (name, environment, created_at, attributes)
                  VALUES ($1, 'production', '2026-01-01', '{}') RETURNING id)
       INSERT INTO evidence (system_id, evidence_type, key, sha256, collected_at, attributes)
       SELECT s.id, t, t || '.json', md5(t) || md5($1), '2026-01-01', '{}' FROM s, unnest($2::text[]) t`,
      [system, types],
    )
  }
  await migrate(client)
  return database
}

/** What a run decided: counts, and a digest over system, control, status, message and attributes of each result. */
async function answersOf({ client, url }: { client: Client; url: string }): Promise<Record<string, unknown>> {
  const { runId } = await executeRun(runRequest(url))
  const { rows } = await client.query<{ status: string; answer: string }>(
    `SELECT v.status::text AS status,
            json_build_array(s.name, c.control_id, v.status, v.message, v.evidence_keys, v.remediation,
                             v.attributes)::text AS answer
       FROM validation_results v JOIN systems s ON s.id = v.system_id JOIN controls c ON c.id = v.control_id
      WHERE v.job_run_id = $1 ORDER BY s.name COLLATE "C", c.control_id COLLATE "C"`,
    [runId],
  )
  const hash = createHash('sha256')
  for (const { answer } of rows) hash.update(answer)
  const counts = Object.fromEntries(
    [...Map.groupBy(rows, ({ status }) => status)].map(([status, { length }]) => [status, length]),
  )
  return { counts, digest: hash.digest('hex').slice(0, 16) }
}

/**
 * Recorded with the release before controls were told apart by framework. A database that RapidRMF filled with NIST's
 * catalog must give these very answers.
 */
const RECORDED: readonly [what: string, made: Made, answers: Record<string, unknown>][] = [
  [
    'whose framework is the name of the catalog',
    { name: 'nist-800-53-rev5', title: 'NIST SP 800-53', framework: 'nist-800-53-rev5' },
    { counts: { PASS: 685, INSUFFICIENT_EVIDENCE: 2336 }, digest: 'ef6553557bf6d051' },
  ],
  [
    'whose framework is only "NIST"',
    { name: 'nist-800-53-rev5', title: 'NIST SP 800-53 Rev 5', framework: 'NIST' },
    { counts: { PASS: 803, INSUFFICIENT_EVIDENCE: 2764 }, digest: '34a818cf7462e0e6' },
  ],
  [
    'whose framework is only "NIST", with a title that says nothing',
    { name: 'main', title: 'Security controls', framework: 'NIST' },
    { counts: { PASS: 803, INSUFFICIENT_EVIDENCE: 2764 }, digest: '34a818cf7462e0e6' },
  ],
  [
    'with titles as in the official spreadsheet, the base control before the enhancement',
    {
      name: 'main',
      title: 'Security controls',
      framework: 'NIST',
      titled: (id, title) => (id.includes('.') ? `Base Control | ${title}` : title),
    },
    { counts: { PASS: 803, INSUFFICIENT_EVIDENCE: 2764 }, digest: '34a818cf7462e0e6' },
  ],
  [
    'with a few controls that have no titles of their own',
    {
      name: 'nist-800-53-rev5-test',
      title: 'NIST SP 800-53 Rev 5 (Test)',
      framework: 'NIST',
      titled: (id) => `Control ${id}`,
      only: ['ac-2', 'ac-3', 'cm-2', 'au-2'],
    },
    { counts: { PASS: 5, INSUFFICIENT_EVIDENCE: 7 }, digest: '98d3967c89c6b06e' },
  ],
  [
    'of a baseline of FedRAMP',
    {
      name: 'fedramp-moderate',
      title: 'FedRAMP Moderate Baseline',
      framework: 'FedRAMP',
      only: ['ac-2', 'ac-3', 'cm-2'],
    },
    { counts: { PASS: 3, INSUFFICIENT_EVIDENCE: 6 }, digest: '890f8d42fa582610' },
  ],
]

describe('a database that RapidRMF filled with the catalog of NIST SP 800-53 keeps its answers', () => {
  it.each(RECORDED)('%s', async (_, made, answers) => {
    expect(await answersOf(await databaseMadeByRapidRmf(made))).toEqual(answers)
  })
})
