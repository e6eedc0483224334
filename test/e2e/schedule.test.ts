import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, it } from 'vitest'
import { describeWithCluster } from '../cluster/namespace.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { CONTROLS, DATABASE } from './runs.ts'
import { useRelease } from './release.ts'

const MINUTE = 60_000

/** The next full minute at least `ms` from now. */
function minuteAfter(ms: number): Date {
  return new Date(Math.ceil((Date.now() + ms) / MINUTE) * MINUTE)
}

/** The cron expression for one minute of one day in a zone. */
function once(at: Date, timeZone: string): { readonly schedule: string; readonly timeZone: string } {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    minute: 'numeric',
    hour: 'numeric',
    day: 'numeric',
    month: 'numeric',
  }).formatToParts(at)
  const field = (type: string): number => Number(parts.find((part) => part.type === type)?.value)
  return { schedule: `${field('minute')} ${field('hour')} ${field('day')} ${field('month')} *`, timeZone }
}

/** Formats a time with whole seconds, like Kubernetes. */
function utc(at: Date): string {
  return at.toISOString().replace('.000Z', 'Z')
}

// The tests wait for minutes, so they run concurrently.
describeWithCluster('slots', () => {
  const release = useRelease('e2e-slots')
  beforeAll(async () => {
    await seedWorld(release.database.client, { systems: 2 })
  })

  it.concurrent('fire at their minute in their zone', async () => {
    const { schedules, database } = release
    const at = minuteAfter(5_000)
    // The zone's offset from UTC is not a full hour.
    await schedules.create('kolkata', { database: DATABASE, ...once(at, 'Asia/Kolkata') })
    const before = await schedules.status(
      'kolkata',
      'with a next slot',
      ({ nextScheduleTime }) => !!nextScheduleTime,
    )
    expect(before.nextScheduleTime).toBe(utc(at))
    const { lastRun, lastScheduleTime } = await schedules.status(
      'kolkata',
      'after its slot',
      ({ lastRun }) => lastRun !== undefined,
      { timeoutMs: 180_000 },
    )
    expect(lastRun).toMatchObject({
      verdict: 'Findings',
      trigger: 'Schedule',
      scheduledTime: utc(at),
      late: false,
    })
    expect(lastScheduleTime).toBe(utc(at))
    await expectExactlyOnce(database.client, lastRun?.jobUID ?? '', 2 * CONTROLS)
    const { rows } = await database.client.query(
      `SELECT to_char(slot_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS slot FROM job_runs WHERE run_key = $1`,
      [lastRun?.jobUID],
    )
    expect(rows).toEqual([{ slot: utc(at) }])
  })

  it.concurrent(
    'are run late if the schedule is resumed before the starting deadline, and skipped after it',
    async () => {
      const { schedules } = release
      const at = minuteAfter(5_000)
      const slot = once(at, 'Etc/UTC')
      const spec = { database: DATABASE, ...slot, suspend: true }
      await schedules.create('in-time', { ...spec, startingDeadlineSeconds: 600 })
      await schedules.create('too-late', { ...spec, startingDeadlineSeconds: 10 })
      await sleep(at.getTime() + 15_000 - Date.now())
      for (const name of ['in-time', 'too-late']) {
        expect(await schedules.jobsOf(name)).toHaveLength(0)
        await schedules.patch(name, [{ op: 'replace', path: '/spec/suspend', value: false }])
      }
      const { lastRun } = await schedules.status(
        'in-time',
        'after the late run',
        ({ lastRun }) => lastRun !== undefined,
        { timeoutMs: 120_000 },
      )
      expect(lastRun).toMatchObject({ trigger: 'Schedule', scheduledTime: utc(at), late: true })
      expect(await schedules.jobsOf('too-late')).toHaveLength(0)
    },
  )
})
