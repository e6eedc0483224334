import { expect, it } from 'vitest'
import { VERSION } from '../../../common/version.ts'
import type { SnakeKeys } from '../../../common/snake-case.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase } from '../../support/database.ts'
import { otherVersion } from '../../support/other-version.ts'
import { createFolder } from '../../support/run-command.ts'
import { expectExactlyOnce } from '../../support/run-check.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 4
await seedWorld(client, { systems: SYSTEMS, controls: ['AC-2', 'AC-3', 'AU-2'] })
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
// The same major and minor: whatever is released may decide differently.
const [major, minor, patch] = VERSION.split('.').map(Number)
const next = otherVersion(`${major}.${minor}.${patch! + 1}`)

/** Several processes, one after the other. */
const SLOW = { timeout: 120_000 }

const once = (main: string | undefined, ...flags: string[]) =>
  runCli(['scheduler', 'once', '--json', ...flags], {
    cwd: folder.path,
    env: { DATABASE_URL: url },
    ...(main === undefined ? {} : { main }),
  })

async function summary(main: string | undefined, ...flags: string[]): Promise<SnakeKeys<RunSummary>> {
  const { code, stdout, stderr } = await once(main, ...flags)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as SnakeKeys<RunSummary>
}

it('another version takes over no decision, and then its own', SLOW, async () => {
  await summary(undefined)
  expect(await summary(undefined, '--incremental')).toMatchObject({ carried: SYSTEMS })
  expect(await summary(next, '--incremental')).toMatchObject({ carried: 0, counts: { systems: SYSTEMS } })
  expect(await summary(next, '--incremental')).toMatchObject({ carried: SYSTEMS })
  expect(await summary(undefined, '--incremental')).toMatchObject({ carried: 0 })
})

it('workers of two versions do not share a run', SLOW, async () => {
  // Begun and not done: the trigger refuses to have the run planned.
  await client.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not yet'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON run_queue FOR EACH STATEMENT EXECUTE FUNCTION refuse()`)
  expect((await once(undefined, '--run-key', 'shared')).code).toBe(1)
  await client.query('DROP FUNCTION refuse CASCADE')
  const refused = await once(next, '--run-key', 'shared')
  expect(refused.code).toBe(2)
  expect(refused.stderr).toMatch(/run \d+ \(key shared\) was started with another version of rapidrmf/)
  await summary(undefined, '--run-key', 'shared')
  await expectExactlyOnce(client, 'shared', SYSTEMS * 3)
})
