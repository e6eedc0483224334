import { beforeEach, describe, expect, it } from 'vitest'
import { verifyRun } from '../../../../job-image/db/record/verify-run.ts'
import type { VerifiedRun } from '../../../../job-image/db/record/verify-run.ts'
import { getJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { clearHistory } from '../../../support/history.ts'
import { runRequest } from '../../../support/request.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const [first = 0] = await seedWorld(client, {
  systems: 2,
  controls: ['AC-1', 'AC-2', 'ZZ-1'],
  evidence: ['iam-policy'],
})
const NAME = 'system "production-system-1"'
let runId = 0

beforeEach(async () => {
  await clearHistory(client)
  runId = (await executeRun(runRequest(url))).runId!
})

const verify = async (): Promise<VerifiedRun> => verifyRun(client, (await getJobRun(client, runId))!)
const problemsAfter = async (change: string): Promise<readonly string[]> => {
  await client.query(`${change} WHERE system_id = ${first}`)
  return (await verify()).problems
}

describe('the check of a record', () => {
  it('finds no problem in one that is whole', async () => {
    expect(await verify()).toEqual({ runId, hasRecord: true, systems: 2, withoutDetails: 0, problems: [] })
  })

  it('finds a manifest, and decisions, that are not the stored ones', async () => {
    expect(
      await problemsAfter(`UPDATE run_details SET manifest = replace(manifest::text, '2026', '2025')::json`),
    ).toEqual([`${NAME}: the manifest of its evidence does not have the digest that was stored with it`])
    await client.query('UPDATE run_details SET manifest = NULL')
    expect(await problemsAfter(`UPDATE run_details SET decisions = (decisions::text || ' ')::json`)).toEqual([
      `${NAME}: its decisions do not have the digest that was stored with them`,
    ])
  })

  it.each(['pass_count', 'fail_count', 'insufficient_count', 'unknown_count'])(
    'finds a wrong %s',
    async (column) => {
      const problems = await problemsAfter(`UPDATE run_records SET ${column} = ${column} + 1`)
      expect(problems).toEqual([
        expect.stringMatching(
          /^system "production-system-1": its counts are [\d, ]+; its statuses have [\d, ]+$/,
        ),
        expect.stringMatching(/^the run counts \d as \w+; its records have \d$/),
      ])
    },
  )

  it('finds a status that is not that of its decision', async () => {
    const problems = await problemsAfter('UPDATE run_records SET fail = ~pass')
    expect(problems).toContainEqual(
      expect.stringMatching(
        /^system "production-system-1": the status of (AC|ZZ)-\d is fail, its decision (unknown|insufficient_evidence)$/,
      ),
    )
  })

  it('finds parts that do not fit each other, and names a deleted system by its id', async () => {
    await client.query('TRUNCATE validation_results, evidence')
    await client.query('BEGIN')
    await client.query('DELETE FROM systems WHERE id = $1', [first])
    const problems = await problemsAfter(`UPDATE run_records SET pass = B'1', fail = NULL`)
    await client.query('ROLLBACK')
    expect(problems).toEqual([
      `the deleted system ${first}: its record cannot be read: 1 bits are not the statuses of 3 controls`,
    ])
  })

  it.each(['decisions', 'decision_of'])('finds details that have lost their %s alone', async (column) => {
    expect(await problemsAfter(`UPDATE run_details SET ${column} = NULL`)).toEqual([
      `${NAME}: its record cannot be read: the decisions and the index of each control are not both stored`,
    ])
  })

  it('counts the systems without details; their statuses are checked all the same', async () => {
    await client.query('UPDATE run_details SET manifest = NULL WHERE system_id = $1', [first])
    expect(await verify()).toEqual({ runId, hasRecord: true, systems: 2, withoutDetails: 1, problems: [] })
    await client.query('UPDATE run_details SET decisions = NULL, decision_of = NULL WHERE system_id <> $1', [
      first,
    ])
    expect(await verify()).toEqual({ runId, hasRecord: true, systems: 2, withoutDetails: 2, problems: [] })
    await client.query('DELETE FROM run_details')
    expect(await verify()).toEqual({ runId, hasRecord: true, systems: 2, withoutDetails: 2, problems: [] })
    expect(await problemsAfter('UPDATE run_records SET pass_count = 9')).toHaveLength(2)
  })

  it('finds a record that is missing, but not in a run that was pruned or has failed', async () => {
    expect(await problemsAfter('DELETE FROM run_records')).toContain(
      'the run counts 2 as systems; its records have 1',
    )
    await client.query(
      `UPDATE job_runs SET attributes = (attributes::jsonb || '{"pruned_at": "2026-01-01"}')::json`,
    )
    expect((await verify()).problems).toEqual([])
    await client.query(`UPDATE job_runs SET attributes = '{}', status = 'failed'`)
    expect(await verify()).toMatchObject({ systems: 1, problems: [] })
  })
})
