import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { claimSystems } from '../../../../job-image/db/record/claim.ts'
import type { ClaimRequest } from '../../../../job-image/db/record/claim.ts'
import { getJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { connect, disconnect, inTransaction } from '../../../../job-image/db/session/client.ts'
import { parseTimestamp } from '../../../../job-image/time.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const peer = await connect({ url })
afterAll(() => disconnect(peer))
const systems = await seedWorld(client, { systems: 4, controls: ['AC-1'], evidence: ['iam-policy', 'sbom'] })
const [one = 0, two = 0, three = 0] = systems
const controls = await controlIds(client)

beforeEach(() => clearHistory(client))

/** A claim of a run that has all systems, or those of `ids`, in its queue. */
async function request(ids: readonly number[] = systems, types = ['iam-policy']): Promise<ClaimRequest> {
  const answers = ids.map((systemId) => ({ systemId, state: 'pending' as const }))
  const run = (await getJobRun(client, await addRun(client, { status: 'running', answers })))!
  return {
    run,
    plan: { types },
    planDigest: Buffer.alloc(32),
    controlSetId: 1,
    referenceTime: parseTimestamp('2026-01-15 00:00:00'),
  }
}

const claimed = async (
  session: typeof client,
  claim: ClaimRequest,
  limit = 9,
  only: number[] | null = null,
) => (await claimSystems(session, claim, limit, only))?.systems.map(({ systemId }) => systemId)

describe('a claim', () => {
  it('takes up to its limit of queued systems by id, or of those that are selected', async () => {
    const claim = await request([three, two, one])
    expect(await claimed(client, claim)).toEqual([one, two, three])
    expect(await claimed(client, claim, 2)).toEqual([one, two])
    expect(await claimed(client, claim, 9, [three, systems[3]!])).toEqual([three])
  })

  it('finds nothing in an empty queue, or in that of a lost run', async () => {
    expect(await claimed(client, await request([]))).toBeUndefined()
    const claim = await request()
    expect(await claimed(client, { ...claim, run: { ...claim.run, run_key: 'lost' } })).toBeUndefined()
  })

  it('passes over what a peer has claimed, without waiting', async () => {
    const claim = await request()
    await peer.query(`SET lock_timeout TO '1s'`)
    await inTransaction(client, async () => {
      expect(await claimed(client, claim, 2)).toEqual(systems.slice(0, 2))
      expect(await claimed(peer, claim, 2)).toEqual(systems.slice(2))
    })
  })

  it('has the time of its transaction, in UTC', async () => {
    const claim = await request()
    await inTransaction(client, async () => {
      const { rows } = await client.query<{ now: string }>(`SELECT (now() AT TIME ZONE 'UTC')::text AS now`)
      expect((await claimSystems(client, claim, 1, null))?.now).toBe(rows[0]?.now)
    })
  })
})

describe('a claimed system', () => {
  it('has its own evidence of the types that rules require, with the digests of the content', async () => {
    const { rows } = await client.query<{ id: number; sha256: string }>(
      `SELECT id, sha256 FROM evidence WHERE system_id = $1 AND evidence_type = 'iam-policy'`,
      [one],
    )
    const claim = await claimSystems(client, await request(), 1, null)
    expect(claim?.systems).toMatchObject([
      {
        systemId: one,
        evidence: [
          {
            ...rows[0],
            type: 'iam-policy',
            key: `iam-policy/${one}.json`,
            collectedAt: parseTimestamp('2026-01-01 00:00:00'),
            expiresAt: null,
          },
        ],
      },
    ])
    expect(claim?.systems[0]).not.toHaveProperty('problem')
    expect(claim?.systems[0]).not.toHaveProperty('previous')
  })

  it('has the evidence that decides at the reference time of the run', async () => {
    await client.query('BEGIN')
    try {
      await client.query(
        `INSERT INTO evidence (system_id, evidence_type, key, sha256, collected_at, expires_at, attributes)
         VALUES ($1, 'iam-policy', 'expired earlier', repeat('1', 64), '2025-12-01', '2026-01-05', '{}'),
                ($1, 'iam-policy', 'expired last', repeat('2', 64), '2025-12-02', '2026-01-15', '{}')`,
        [one],
      )
      const claim = await claimSystems(client, await request(), 1, null)
      expect(claim?.systems[0]?.evidence.map(({ key }) => key)).toEqual([
        `iam-policy/${one}.json`,
        'expired last',
      ])
    } finally {
      await client.query('ROLLBACK')
    }
  })

  it('without evidence of these types has none', async () => {
    const claim = await claimSystems(client, await request(systems, ['audit-log']), 9, null)
    expect(claim?.systems.map(({ evidence }) => evidence)).toEqual([[], [], [], []])
  })

  it('has a digest that depends on the plan', async () => {
    const claim = await request()
    const digest = async (byte: number): Promise<Buffer | undefined> =>
      (await claimSystems(client, { ...claim, planDigest: Buffer.alloc(32, byte) }, 1, null))?.systems[0]
        ?.inputDigest
    expect(await digest(1)).toHaveLength(32)
    expect(await digest(1)).toEqual(await digest(1))
    expect(await digest(2)).not.toEqual(await digest(1))
  })

  it('has its newest earlier record of the same controls', async () => {
    const earlier = await addRun(client, { daysAgo: 1, answers: [{ systemId: one, controlIds: controls }] })
    await client.query('UPDATE run_records SET decisions_run_id = $1, inputs_run_id = $1', [earlier])
    const { rows } = await client.query<{ set: number; answersDigest: Buffer; evidenceDigest: Buffer }>(
      `SELECT control_set_id AS set, answers_digest AS "answersDigest", evidence_digest AS "evidenceDigest" FROM run_records`,
    )
    const { set, ...digests } = rows[0]!
    const claim = await request([one, two])
    const previous = async (controlSetId: number) =>
      (await claimSystems(client, { ...claim, controlSetId }, 2, null))?.systems.map((each) => each.previous)
    expect(await previous(set)).toEqual([
      { decisionsRunId: earlier, inputsRunId: earlier, ...digests },
      undefined,
    ])
    expect(await previous(set + 1)).toEqual([undefined, undefined])
  })

  it('has a problem if it was deleted; others have none', async () => {
    await client.query('BEGIN')
    try {
      await client.query('DELETE FROM evidence WHERE system_id = $1', [three])
      await client.query('DELETE FROM systems WHERE id = $1', [three])
      const claim = await claimSystems(client, await request([two, three]), 9, null)
      expect(claim?.systems.map(({ problem }) => problem)).toEqual([
        undefined,
        'the system was deleted after the run was planned',
      ])
    } finally {
      await client.query('ROLLBACK')
    }
  })
})
