import fc from 'fast-check'
import { expect, it } from 'vitest'
import { listEvidenceForSystems } from '../../../../job-image/db/inputs/evidence.ts'
import { startJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { claimSystems } from '../../../../job-image/db/record/claim.ts'
import { queueSystems } from '../../../../job-image/db/record/queue.ts'
import { formatTimestamp } from '../../../../job-image/time.ts'
import { compilePlan, decideSystem } from '../../../../job-image/validation/decide.ts'
import type { EvidenceRow } from '../../../../job-image/validation/decide.ts'
import { nextChange } from '../../../../job-image/validation/evidence.ts'
import { createDatabase } from '../../../support/database.ts'
import { seedWorld } from '../../../support/world.ts'
import { REFERENCE_TIME, evidenceHistories, worlds } from '../../../support/worlds.ts'

const { client } = await createDatabase()
const SYSTEMS = 4
const systems = await seedWorld(client, { systems: SYSTEMS, controls: ['AC-1', 'AU-2'], evidence: [] })

async function addEvidence(systemId: number, rows: readonly EvidenceRow[]): Promise<void> {
  const times = (moments: readonly (number | null)[]): (string | null)[] =>
    moments.map((moment) => (moment === null ? null : formatTimestamp(moment)))
  await client.query(
    `INSERT INTO evidence (id, system_id, evidence_type, key, sha256, collected_at, expires_at, attributes)
     SELECT $1::int * 10000 + e.id, $1, e.type, e.key, md5(e.key), e.collected, e.expires, '{}'
       FROM unnest($2::int[], $3::text[], $4::text[], $5::timestamp[], $6::timestamp[])
              AS e (id, type, key, collected, expires)`,
    [
      systemId,
      rows.map(({ id }) => id),
      rows.map(({ type }) => type),
      rows.map(({ key }) => key),
      times(rows.map(({ collectedAt }) => collectedAt)),
      times(rows.map(({ expiresAt }) => expiresAt)),
    ],
  )
}

/** Work in a transaction that leaves nothing behind. */
async function undone(work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN')
  try {
    await work()
  } finally {
    await client.query('ROLLBACK')
  }
}

it('the evidence of a claim leads to the answers, words and next change of all evidence there is', async () => {
  const histories = fc.array(evidenceHistories(60), { minLength: SYSTEMS, maxLength: SYSTEMS })
  let kept = 0
  let stored = 0
  await fc.assert(
    fc.asyncProperty(worlds, histories, async ({ rules, rows }, evidence) =>
      undone(async () => {
        for (const [index, systemId] of systems.entries()) await addEvidence(systemId, evidence[index]!)
        const run = await startJobRun(client, {
          jobType: 'validation',
          environment: 'production',
          attributes: {},
        })
        await queueSystems(client, run, 'production')
        const plan = compilePlan(rules, rows)
        const request = {
          run,
          plan,
          planDigest: Buffer.alloc(32),
          controlSetId: 1,
          referenceTime: REFERENCE_TIME,
        }
        const claim = await claimSystems(client, request, SYSTEMS, null)
        const all = await listEvidenceForSystems(client, systems)
        expect(claim?.systems.map(({ systemId }) => systemId)).toEqual(systems)
        for (const { systemId, evidence: used, problem } of claim!.systems) {
          const everything = all.get(systemId) ?? []
          expect(problem).toBeUndefined()
          expect(new Set(used.map(({ id }) => id)).size).toBe(used.length)
          // At most the newest valid row, the last that expired, and the next that comes or goes.
          for (const rowsOfType of Map.groupBy(used, ({ type }) => type).values()) {
            expect(rowsOfType.length).toBeLessThanOrEqual(4)
          }
          expect(decideSystem(plan, used, REFERENCE_TIME)).toEqual(
            decideSystem(plan, everything, REFERENCE_TIME),
          )
          expect(nextChange(plan.typeIndex, used, REFERENCE_TIME)).toBe(
            nextChange(plan.typeIndex, everything, REFERENCE_TIME),
          )
          kept += used.length
          stored += everything.length
        }
      }),
    ),
    { numRuns: 150 },
  )
  expect(kept).toBeLessThan(stored)
}, 120_000)
