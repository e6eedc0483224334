// Two writers with different values for one CronJob: the operator floods neither the API server nor people.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { createNamespace } from '../../../scripts/control-plane/access.ts'
import { freePorts } from '../../../scripts/control-plane/ports.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { startOperator } from '../run-operator.ts'
import { conditionOf, is } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The timeout: a conflict ends after three quiet delays, the first of which is five seconds. */
const QUIET = { timeoutMs: 90_000 }
/** The number of writes of each writer before it detects the conflict. */
const MOST_AT_ONCE = 6

describeWithCluster('a CronJob that is written by two', () => {
  let port = 0
  const operated = useOperator('two-writers', { flags: () => ['--port', String(port)] })
  const { here } = operated

  const cronJobWrites = async (position: number): Promise<number> =>
    (await operated.schedules.writes(position)).filter((write) => write.includes(' cronjobs ')).length

  it('by two operators with two Leases: both pause, report it, and one continues after the other has stopped', async () => {
    const { schedules } = operated
    const names = ['one', 'two', 'three', 'four']
    for (const name of names) {
      await schedules.create(name)
      await schedules.status(name, 'Ready', is('Ready', 'True'))
    }
    const position = operated.position()
    const elsewhere = await createNamespace(here.cluster, 'another-lease')
    const flags = ['--lease-namespace', elsewhere, '--image', 'registry.example/rapidrmf:other']
    const stopOther = startOperator({ cluster: here.cluster, namespace: here.name, flags })
    onTestFinished(() => stopOther())
    for (const name of names) {
      const status = await schedules.status(
        name,
        'in conflict',
        is('Stalled', 'True', 'ConflictingWriter'),
        QUIET,
      )
      expect(is('Ready', 'False', 'ConflictingWriter')(status)).toBe(true)
      expect(conditionOf(status, 'Stalled')?.message).toContain('another operator')
      expect(status.conflictingWriter).toMatchObject({ fieldManager: 'rapidrmf-operator' })
    }
    expect(await cronJobWrites(position)).toBeLessThanOrEqual(names.length * 2 * (MOST_AT_ONCE + 2))
    const during = operated.position()
    await sleep(8_000)
    // Each of the two repairs each of the four once or twice, and reports it in the status.
    expect((await schedules.writes(during)).length).toBeLessThanOrEqual(names.length * 2 * 2 * 2)

    await stopOther()
    for (const name of names) {
      await schedules.status(name, 'healthy again', is('Ready', 'True', 'CronJobReady'), QUIET)
      const { spec } = await schedules.cronJobOf(name)
      expect(JSON.stringify(spec)).not.toContain('rapidrmf:other')
      expect(
        (await schedules.eventsOf(name)).filter((reason) => reason === 'ConflictingWriter'),
      ).toHaveLength(1)
    }
  }, 240_000)

  it('by a person who sets zero repeatedly: status and metrics name the field manager', async () => {
    const { schedules } = operated
    ;[port = 0] = await freePorts(1)
    await operated.restart()
    await schedules.create('zeroed')
    await schedules.status('zeroed', 'Ready', is('Ready', 'True'))
    for (let edit = 0; edit < MOST_AT_ONCE - 1; edit += 1) {
      await schedules.patchCronJob('zeroed', [
        { op: 'add', path: '/spec/jobTemplate/spec/parallelism', value: 0 },
      ])
      await until('the repair', async () => {
        const { spec } = await schedules.cronJobOf('zeroed')
        return JSON.stringify(spec).includes('"parallelism":0') ? undefined : true
      })
    }
    const status = await schedules.status('zeroed', 'in conflict', is('Stalled', 'True', 'ConflictingWriter'))
    expect(conditionOf(status, 'Stalled')?.message).toContain('field manager "a-person"')
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    expect(metrics).toContain(
      `rapidrmf_schedule_conflicting_writer{namespace="${here.name}",name="zeroed",field_manager="a-person"} 1`,
    )
    // A change of the spec is handled at once.
    await schedules.patch('zeroed', [{ op: 'replace', path: '/spec/schedule', value: '0 5 * * *' }])
    await schedules.status('zeroed', 'changed', ({ observedGeneration }) => observedGeneration === 2)
    expect((await schedules.cronJobOf('zeroed')).spec['schedule']).toBe('0 5 * * *')
    await schedules.status('zeroed', 'healthy again', is('Ready', 'True'), QUIET)
    expect(await schedules.find(RESOURCES.cronJobs, childName('zeroed'))).toBeDefined()
  }, 120_000)

  itIsStillAtWork(operated)
})
