import { beforeEach, expect, it } from 'vitest'
import { inputDigest } from '../../../../job-image/db/record/input-digest.ts'
import { createDatabase } from '../../../support/database.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const [system = 0, other = 0] = await seedWorld(client, {
  systems: 2,
  controls: ['AC-1'],
  evidence: ['sbom', 'iam-policy'],
})
beforeEach(() => client.query('ROLLBACK; BEGIN'))

async function digest(of = system, plan = 'plan'): Promise<string | undefined> {
  const { rows } = await client.query<{ digest: Buffer }>(
    `SELECT ${inputDigest('$1::bytea', '$2::int')} AS digest`,
    [Buffer.from(plan), of],
  )
  return rows[0]?.digest.toString('hex')
}

it('the digest is the same for the same plan and evidence', async () => {
  expect(await digest()).toMatch(/^[0-9a-f]{64}$/)
  expect(await digest()).toBe(await digest())
  expect(await digest(system, 'other plan')).not.toBe(await digest())
  expect(await digest(other)).not.toBe(await digest())
})

it.each([
  [`UPDATE evidence SET evidence_type = 'audit-log' WHERE evidence_type = 'sbom'`, false],
  [`UPDATE evidence SET key = key || 'x'`, false],
  [`UPDATE evidence SET sha256 = repeat('0', 64)`, false],
  [`UPDATE evidence SET collected_at = collected_at + interval '1 us'`, false],
  [`UPDATE evidence SET expires_at = '2030-01-01'`, false],
  ['DELETE FROM evidence', false],
  [`UPDATE evidence SET attributes = '{"a": 1}', size = 7, filename = 'x'`, true],
])('after %s it is the same: %s', async (sql, same) => {
  const before = await digest()
  await client.query(sql)
  expect((await digest()) === before).toBe(same)
})

it('a system without evidence has one too', async () => {
  expect(await digest(0)).toMatch(/^[0-9a-f]{64}$/)
})
