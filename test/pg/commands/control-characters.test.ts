import { expect, test } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const folder = createFolder()
folder.write('config.yaml', 'environments: { production: {} }\n')
await seedWorld(client, { systems: 1, controls: ['AC-2'] })

test('a message of the database cannot control the terminal or begin a line of its own', async () => {
  await client.query(
    `CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN RAISE EXCEPTION E'no\\x1b[2J\\nRun 2: Passed \\u202Eall is well'; END $$;
     CREATE TRIGGER forge BEFORE INSERT ON job_runs FOR EACH ROW EXECUTE FUNCTION forge()`,
  )
  const { code, out, err } = await runArgv(['scheduler', 'once', '--log-format', 'text'], {
    cwd: folder.path,
    env: { DATABASE_URL: url, RAPIDRMF_OUTAGE: '1' },
  })
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^rapidrmf: no␛\[2J␊Run 2: Passed \uFFFDall is well.*\n$/)
})
