import { beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, clearHistory, controlIds } from '../../../support/history.ts'
import { runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
const [a = 0] = await seedWorld(client, { systems: 3, controls: ['AC-1', 'AC-2', 'AC-10', 'SC-12'] })
const controls = await controlIds(client)

beforeEach(() => clearHistory(client))

describe('rapidrmf db prune', () => {
  const env = { DATABASE_URL: url }

  it('reports what it did, as JSON when asked', async () => {
    await addRun(client, { daysAgo: 600, answers: [{ systemId: a, controlIds: controls }] })
    await addRun(client, { daysAgo: 1, answers: [{ systemId: a, controlIds: controls }] })
    const dry = await runCli(['db', 'prune', '--older-than', '18mo', '--dry-run'], { env })
    expect(dry).toMatchObject({ code: 0, stderr: '' })
    expect(dry.stdout).toMatch(/^would delete 4 results and 1 row about systems, of 1 run that ended before /)
    const { code, stdout } = await runCli(['db', 'prune', '--older-than', '18mo', '--json'], { env })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      dry_run: false,
      runs: 1,
      results: 4,
      system_rows: 1,
      batches: 1,
    })
    const { stderr } = await runCli(['results', '--run', '1'], { env })
    expect(stderr).toMatch(/^run 1 was pruned at .*Z: only what is still referred to is left\nno results\n$/)
  })

  it.each([['0d'], ['23h'], ['18m'], ['PT18M'], ['P0D']])('refuses %s without --yes', async (age) => {
    const { code, stderr } = await runCli(['db', 'prune', '--older-than', age], { env })
    expect(code).toBe(2)
    expect(stderr).toContain('add --yes')
  })

  it.each([['18'], ['18M'], ['-1d'], ['1.5y'], ['P'], ['9999999y']])('refuses the age %j', async (age) => {
    const { code, stderr } = await runCli(['db', 'prune', `--older-than=${age}`], { env })
    expect(code).toBe(2)
    expect(stderr).toContain('expected an age such as 90m, 168h, 7d, 1w, 18mo')
  })

  it('ends with 143 when it is interrupted', async () => {
    await addRun(client, { daysAgo: 300, answers: [{ systemId: a, controlIds: controls }] })
    await addRun(client, { daysAgo: 1, answers: [{ systemId: a, controlIds: controls }] })
    const argv = ['db', 'prune', '--older-than', '100d']
    const ran = await runArgv(argv, { cwd: import.meta.dirname, env, signal: AbortSignal.abort() })
    expect(ran).toMatchObject({ code: 143, out: '' })
    expect((await client.query('SELECT FROM validation_results')).rows).toHaveLength(2 * controls.length)
  })
})
