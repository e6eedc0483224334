import { beforeEach, expect, it } from 'vitest'
import type { SnakeKeys } from '../../../common/snake-case.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { createDatabase } from '../../support/database.ts'
import { clearHistory } from '../../support/history.ts'
import { startCli } from '../../support/process.ts'
import { expectExactlyOnce } from '../../support/run-check.ts'
import { createFolder } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 12
await seedWorld(client, { systems: SYSTEMS, controls: ['AC-1', 'AC-2', 'AC-3', 'AU-2'] })

const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')
folder.write(
  'clock.cjs',
  `const shift = Number(process.env.CLOCK_SHIFT_HOURS) * 3_600_000
   const { now } = Date
   globalThis.Date = class extends Date {
     constructor(...given) { given.length === 0 ? super(now() + shift) : super(...given) }
     static now() { return now() + shift }
   }`,
)

beforeEach(() => clearHistory(client))

/** A process whose own clock is hours off. */
function worker(hours: number, ...flags: string[]) {
  return startCli(['scheduler', 'once', '--json', ...flags], {
    cwd: folder.path,
    env: {
      DATABASE_URL: url,
      CLOCK_SHIFT_HOURS: String(hours),
      NODE_OPTIONS: `--require ${folder.path}/clock.cjs`,
    },
  }).ended
}

it('workers whose clocks are hours apart share a run, and every time in it is the database’s', async () => {
  const ends = await Promise.all([-7, 0, 9].map((hours) => worker(hours, '--run-key', 'apart')))
  const summaries = ends.map(({ code, stdout, stderr }) => {
    expect({ code, stderr }).toMatchObject({ code: 0 })
    return JSON.parse(stdout) as SnakeKeys<RunSummary>
  })
  expect(new Set(summaries.map((summary) => JSON.stringify(summary))).size).toBe(1)
  await expectExactlyOnce(client, 'apart', SYSTEMS * 4)
  const { rows } = await client.query<{ off: number }>(`
    SELECT count(*)::int AS off
      FROM (SELECT validated_at AS at FROM validation_results
            UNION ALL SELECT decided_at FROM run_systems
            UNION ALL SELECT unnest(ARRAY[started_at, heartbeat_at, ended_at]) FROM job_run_attempts
            UNION ALL SELECT unnest(ARRAY[started_at, reference_time, planned_at, finished_at]) FROM job_runs) times
     WHERE abs(extract(epoch FROM at - now() AT TIME ZONE 'UTC')) > 600`)
  expect(rows).toEqual([{ off: 0 }])
})

it('what has changed is told by the database’s time, whatever the process believes', async () => {
  await worker(11)
  const { stdout } = await worker(-11, '--incremental')
  expect(JSON.parse(stdout)).toMatchObject({ carried: SYSTEMS })
})
