import { expect, it } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { runArgv } from '../../support/run-command.ts'

const { client, url } = await createDatabase()

async function widenIds(...argv: readonly string[]): Promise<unknown> {
  const env = { DATABASE_URL: url }
  const { code, out } = await runArgv(['db', 'widen-ids', ...argv], { cwd: import.meta.dirname, env })
  expect(code).toBe(0)
  return argv.includes('--json') ? (JSON.parse(out) as unknown) : out
}

it('says how it is, widens when told to, and then has nothing to do', async () => {
  await client.query(`ALTER TABLE validation_results ALTER COLUMN id TYPE integer`)
  await client.query(`SELECT setval('validation_results_id_seq', 1073741824)`)
  expect(await widenIds()).toMatch(/^ids are integer, 50\.0 % used; add --yes /)
  expect(await widenIds('--json')).toEqual({
    widened: false,
    result_ids: { last: 1_073_741_824, left: 1_073_741_823, used: expect.closeTo(0.5) as number },
  })
  expect(await widenIds('--json', '--yes')).toEqual({ widened: true, result_ids: null })
  expect(await widenIds('--json', '--yes')).toEqual({ widened: false, result_ids: null })
  expect(await widenIds('--yes')).toBe('the ids are bigint: nothing to do\n')
})
