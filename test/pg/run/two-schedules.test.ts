import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { resolveTarget } from '../../../job-image/config/target.ts'
import { cliSchedule } from '../../../job-image/scheduler/cli-schedule.ts'
import { createDatabase } from '../../support/database.ts'
import { startCli } from '../../support/process.ts'
import type { CliProcess } from '../../support/process.ts'
import { createFolder } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 2, controls: ['AC-1', 'AC-2', 'AU-2'] })
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
folder.write('chosen.yaml', 'selection: { controls: { families: [AU] } }\nenvironments:\n  production: {}\n')

type Run = {
  readonly schedule: string
  readonly uid: string
  readonly scope: string | null
  readonly status: string
}

/** The runs of a slot that came due when all `processes` watched, and that so many schedules have validated. */
async function runsOfSlot(processes: readonly CliProcess[], schedules: number): Promise<Run[]> {
  await Promise.all(processes.map(({ said }) => said(/waiting for the next slot/)))
  const { rows: now } = await client.query<{ now: string }>(
    `SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now`,
  )
  for (;;) {
    const { rows } = await client.query<Run>(
      `SELECT schedule, schedule_uid AS uid, attributes -> 'scope' ->> 'text' AS scope, status FROM job_runs
        WHERE slot_at = (SELECT min(slot_at) FROM (SELECT slot_at FROM job_runs WHERE status = 'success'
                          GROUP BY slot_at HAVING count(*) >= $1) slots WHERE slot_at > $2)
        ORDER BY scope NULLS FIRST, schedule`,
      [schedules, now[0]?.now],
    )
    if (rows.length > 0) return rows
    await sleep(100)
  }
}

const start = (...flags: string[]): CliProcess =>
  startCli(['scheduler', 'start', '--cron', '@every 4s', ...flags], {
    cwd: folder.path,
    env: { DATABASE_URL: url },
  })

async function stop(processes: readonly CliProcess[]): Promise<string[]> {
  for (const each of processes) each.kill('SIGTERM')
  return Promise.all(processes.map(async ({ ended }) => (await ended).stdout))
}

describe('scheduler start, several at once', () => {
  it(
    'of different selections are different schedules, and equal ones one',
    { timeout: 120_000 },
    async () => {
      const processes = [
        start('--family', 'AC'),
        start('--family', 'ac'),
        start('--config', 'chosen.yaml'),
        start('--family', 'AU'),
        start(),
      ]
      const runs = await runsOfSlot(processes, 3)
      const logs = await stop(processes)
      expect(runs.map(({ scope, status }) => [scope, status])).toEqual([
        [null, 'success'],
        ['controls family AC', 'success'],
        ['controls family AU', 'success'],
      ])
      expect(runs[0]?.uid).toBe('cli:production|@every 4s|Etc/UTC')
      for (const log of logs) expect(log).not.toContain('started with')
    },
  )

  it('of other configurations are told apart by names', { timeout: 120_000 }, async () => {
    folder.write('pack.yaml', 'name: lax\nfamilies:\n  AC: { required_any: [audit-log] }\n')
    folder.write('lax.yaml', 'rule_packs: [pack.yaml]\nenvironments:\n  production: {}\n')
    const named = [start('--schedule', 'strict'), start('--schedule', 'lax', '--config', 'lax.yaml')]
    const runs = await runsOfSlot(named, 2)
    await stop(named)
    expect(runs.map(({ schedule }) => schedule)).toEqual(['lax', 'strict'])
  })
})

describe('the identity of a schedule', () => {
  const io = { env: {}, cwd: folder.path }
  const of = (changes: object): string => {
    const options = {
      config: 'config.yaml',
      env: 'production',
      databaseUrl: url,
      cron: '0 2 * * *',
      timezone: 'Etc/UTC',
      ...changes,
    }
    return cliSchedule(options, resolveTarget(options, io), io).uid
  }

  it('is what it was before where nothing is selected, and changes with what is', () => {
    expect(of({})).toBe('cli:production|0 2 * * *|Etc/UTC')
    expect(of({ cron: ' 0  2 * * * ', selection: { systems: {}, allowEmpty: true } })).toBe(of({}))
    expect(of({ selection: { controls: { families: ['AU'] } } })).toBe(of({ config: 'chosen.yaml' }))
    expect(of({ config: 'chosen.yaml' })).toMatch(
      /^cli:production\|0 2 \* \* \*\|Etc\/UTC\|scope=[0-9a-f]{12}$/,
    )
    expect(of({ schedule: 'nightly' })).toBe('cli:production|schedule=nightly')
    expect(of({ schedule: 'nightly', cron: '0 3 * * *' })).toBe(of({ schedule: 'nightly' }))
  })

  it.each(['', ' ', 'x'.repeat(101), 'a\nb'])('refuses the name %j', (schedule) => {
    expect(() => of({ schedule })).toThrow(/^--schedule: /)
  })
})
