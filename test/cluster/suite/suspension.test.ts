// `suspend` stops runs whatever else is wrong with a schedule, and columns and metrics show it.
import { expect, it } from 'vitest'
import { childName } from '../../../operator/values/names.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { freePorts } from '../../../scripts/control-plane/ports.ts'
import { conditionOf, is } from '../schedules.ts'
import { getAsTable } from '../table.ts'
import { until } from '../../../scripts/control-plane/until.ts'

describeWithCluster('the suspension of a schedule', () => {
  let port = 0
  let limits: readonly string[] = []
  const operated = useOperator('brake', { flags: () => ['--port', String(port), ...limits] })
  const { here } = operated

  const becomesReady = async (name: string, spec = {}): Promise<void> => {
    await operated.schedules.create(name, spec)
    await operated.schedules.status(name, 'Ready', is('Ready', 'True'))
  }
  const suspend = (name: string, value: boolean): Promise<void> =>
    operated.schedules.patch(name, [{ op: 'replace', path: '/spec/suspend', value }])

  /** Whether the schedule is suspended according to CronJob, column and metric. */
  const seen = async (name: string): Promise<unknown[]> => {
    const path = `/apis/rapidrmf.io/v1alpha1/namespaces/${here.name}/validationschedules`
    const { columns, rows } = await getAsTable(here.cluster, path)
    const row = rows.find((cells) => cells[0] === name)
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const metric = new RegExp(`^rapidrmf_schedule_suspended\\{.*name="${name}".* (\\d)$`, 'm').exec(text)
    const { spec } = await operated.schedules.cronJobOf(name)
    return [spec['suspend'], row?.[columns.indexOf('Suspended')], metric?.[1] === '1']
  }
  const isSeen = (name: string, value: boolean): Promise<unknown> =>
    until(`suspended to be ${value}, in all of them`, async () =>
      (await seen(name)).every((answer) => answer === value) ? true : undefined,
    )

  it('works while the spec is refused, and can be undone', async () => {
    ;[port = 0] = await freePorts(1)
    await operated.restart()
    const { schedules } = operated
    await becomesReady('refused')
    await schedules.patch('refused', [{ op: 'replace', path: '/spec/timeZone', value: 'Mars/Base' }])
    await schedules.status('refused', 'refused', is('Stalled', 'True', 'InvalidSpec'))
    await isSeen('refused', false)
    const position = operated.position()
    await suspend('refused', true)
    await isSeen('refused', true)
    const { status = {} } = await schedules.read('refused')
    expect(conditionOf(status, 'Ready')?.message).toContain('of the last good spec, and is suspended')
    expect(await schedules.effects(position, 'refused')).toEqual([
      `patch cronjobs ${childName('refused')}`,
      'update validationschedules status refused',
    ])
    await suspend('refused', false)
    await isSeen('refused', false)
    await schedules.patch('refused', [{ op: 'replace', path: '/spec/timeZone', value: 'Etc/UTC' }])
    await schedules.status('refused', 'accepted again', is('Ready', 'True'))
    await isSeen('refused', false)
  })

  it('follows a restart with an allow-list that excludes the spec, and ends with one that allows it', async () => {
    const { schedules } = operated
    await becomesReady('limited', { job: { pod: { image: 'evil.example/x:1' } } })
    limits = ['--allowed-images', 'registry.example/*']
    expect(await operated.restart()).toEqual([
      `patch cronjobs ${childName('limited')}`,
      'update validationschedules status limited',
    ])
    await isSeen('limited', true)
    const { status = {} } = await schedules.read('limited')
    expect(is('Stalled', 'True', 'NotAllowed')(status)).toBe(true)
    expect(conditionOf(status, 'Ready')?.message).toContain('suspended until the spec is allowed')
    // The operator has nothing more to do, and repairs edits that resume the CronJob.
    expect(await operated.restart()).toEqual([])
    await schedules.patchCronJob('limited', [{ op: 'replace', path: '/spec/suspend', value: false }])
    await isSeen('limited', true)
    limits = []
    await operated.restart()
    await isSeen('limited', false)
    await schedules.status('limited', 'allowed', is('Ready', 'True'))
  })

  itIsStillAtWork(operated)
})
