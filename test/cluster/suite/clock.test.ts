import { afterEach, expect, it } from 'vitest'
import type { Clock } from '../../../common/clock.ts'
import { systemClock } from '../../../common/clock.ts'
import { childName } from '../../../operator/values/names.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { is, summaryText } from '../schedules.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

describeWithCluster('a clock', () => {
  let offset = 0
  const jumping: Clock = { ...systemClock, date: () => new Date(Date.now() + offset) }
  const operated = useOperator('clock', { clock: jumping })
  afterEach(() => {
    offset = 0
  })

  /** Slots within half an hour, and half an hour later. An hour later both have passed, and no real slot comes during the test. */
  const twiceAnHour = () => {
    const minute = (new Date().getUTCMinutes() + 29) % 30
    return { schedule: `${minute},${minute + 30} * * * *`, startingDeadlineSeconds: 10 }
  }
  const nextOf = async (name: string) =>
    Date.parse((await operated.schedules.read(name)).status?.nextScheduleTime ?? '')
  /** Waits until the operator has reconciled this schedule and a new one, and has sent its events. */
  const lookedAt = async (name: string, when: string) => {
    await operated.schedules.patch(name, [{ op: 'add', path: '/metadata/annotations', value: { when } }])
    const other = `${name}-${when}`
    await operated.schedules.create(other)
    await operated.schedules.status(other, 'Ready', is('Ready', 'True'))
  }

  it('that jumps an hour ahead and back causes no skipped slot and no write', async () => {
    const { schedules } = operated
    await schedules.create('jumped', twiceAnHour())
    await schedules.status('jumped', 'Ready', is('Ready', 'True'))
    const position = operated.position()
    const { status } = await schedules.read('jumped')
    for (const [when, jump] of [
      ['ahead', HOUR],
      ['back', 0],
      ['behind', -HOUR],
      ['there-again', 0],
    ] as const) {
      offset = jump
      await lookedAt('jumped', when)
    }
    expect((await schedules.read('jumped')).status).toEqual(status)
    expect((await schedules.writes(position)).filter((write) => write.endsWith('jumped'))).toEqual([])
    expect(await schedules.eventsOf('jumped')).toEqual(['CronJobCreated'])
  })

  it.each([
    ['years ahead', 5 * YEAR],
    ['years behind', -20 * YEAR],
  ])('that is %s from the start causes no skipped slot and no run', async (when, jump) => {
    const { schedules } = operated
    const name = when.replace(' ', '-')
    offset = jump
    expect(await operated.restart()).toEqual([])
    const position = operated.position()
    await schedules.create(name, twiceAnHour())
    await schedules.status(name, 'Ready', is('Ready', 'True'))
    const next = await nextOf(name)
    expect(next).toBeGreaterThan(Date.now())
    expect(next).toBeLessThanOrEqual(Date.now() + HOUR / 2)
    expect(await schedules.writes(position, name)).toEqual([
      `create cronjobs ${childName(name)}`,
      `update validationschedules status ${name}`,
    ])
    const { job, uid } = await schedules.runNow(name, 'once')
    await operated.here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    const { lastRun, conditions = [] } = await schedules.status(
      name,
      'recorded',
      ({ lastRun }) => lastRun !== undefined,
    )
    expect(lastRun).toMatchObject({ verdict: 'Passed' })
    for (const { lastTransitionTime } of conditions) {
      expect(Math.abs(Date.parse(lastTransitionTime) - Date.now())).toBeLessThan(HOUR / 2)
    }
    await lookedAt(name, 'looked-at')
    expect(await schedules.eventsOf(name)).not.toContain('SlotSkipped')
  })

  itIsStillAtWork(operated)
})
