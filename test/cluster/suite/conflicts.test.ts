import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { outcomesOf } from '../outcomes.ts'
import { call, holdBack } from '../requests.ts'
import { startOperator } from '../run-operator.ts'
import { conditionOf, is, schedulesIn, summaryText } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { TlsProxy } from '../tls-proxy.ts'

describeWithCluster('an operator whose write comes after that of another program', () => {
  const here = useNamespace('conflicts')
  let schedules: Schedules
  let proxy: TlsProxy
  let stop: () => Promise<void>
  const position = (): number => auditPosition(here.cluster.auditLog)
  const hold = (method: string, resource: string, schedule: string) => {
    const held = holdBack(call(method, resource, schedule))
    proxy.fault = held.fault
    onTestFinished(() => {
      held.release()
      proxy.fault = undefined
    })
    return held
  }

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    proxy = await startTlsProxy(here.cluster)
    stop = startOperator({ cluster: proxy.access, namespace: here.name })
  })
  afterAll(() => stop())

  /** The results of the operator's writes. A conflict repeats until the watch has caught up. */
  const writesOf = async (name: string, since: number) => {
    const { done, refused } = await outcomesOf(here, since, name)
    return { done, refused: [...new Set(refused)] }
  }

  it('writes the status again when the schedule has changed in between', async () => {
    const before = position()
    const { reached, release } = hold('PUT', 'validationschedules/status', 'touched')
    await schedules.create('touched')
    await reached
    await schedules.patch('touched', [{ op: 'replace', path: '/spec/schedule', value: '0 4 * * *' }])
    release()
    const { nextScheduleTime } = await schedules.status(
      'touched',
      'observed',
      ({ observedGeneration }) => observedGeneration === 2,
    )
    expect(nextScheduleTime).toMatch(/T04:00:00Z$/)
    expect(await writesOf('touched', before)).toEqual({
      done: [
        `create cronjobs ${childName('touched')}`,
        `update cronjobs ${childName('touched')}`,
        'update validationschedules status touched',
      ],
      refused: ['409 update validationschedules status touched'],
    })
  })

  it('writes the status again when another program has written it in between', async () => {
    await schedules.create('forged')
    await schedules.status('forged', 'Ready', is('Ready', 'True'))
    const before = position()
    const { reached, release } = hold('PUT', 'validationschedules/status', 'forged')
    await schedules.patch('forged', [{ op: 'replace', path: '/spec/suspend', value: true }])
    await reached
    const { metadata, status = {} } = await schedules.read('forged')
    const { resourceVersion = '' } = metadata
    await schedules.client.replaceStatus(RESOURCES.schedules, {
      apiVersion: 'rapidrmf.io/v1alpha1',
      kind: 'ValidationSchedule',
      metadata: { ...metadata, resourceVersion },
      status: {
        ...status,
        conditions: status.conditions?.map((condition) => ({ ...condition, message: 'forged' })),
        cronJobName: 'another',
      },
    })
    release()
    const after = await schedules.status(
      'forged',
      'put right',
      ({ cronJobName, observedGeneration }) =>
        cronJobName === childName('forged') && observedGeneration === 2,
    )
    expect(conditionOf(after, 'Ready')?.message).not.toBe('forged')
    expect(await writesOf('forged', before)).toEqual({
      done: [`update cronjobs ${childName('forged')}`, 'update validationschedules status forged'],
      refused: ['409 update validationschedules status forged'],
    })
  })

  it('repairs a CronJob from its newest version', async () => {
    await schedules.create('edited')
    await schedules.status('edited', 'Ready', is('Ready', 'True'))
    const before = position()
    const { reached, release } = hold('PUT', 'cronjobs', 'edited')
    await schedules.patch('edited', [{ op: 'replace', path: '/spec/schedule', value: '0 5 * * *' }])
    await reached
    await schedules.patchCronJob('edited', [
      { op: 'replace', path: '/spec/schedule', value: '0 6 * * *' },
      { op: 'add', path: '/metadata/labels/team', value: 'theirs' },
    ])
    release()
    await schedules.status('edited', 'observed', ({ observedGeneration }) => observedGeneration === 2)
    const { spec, metadata } = await schedules.cronJobOf('edited')
    expect([spec['schedule'], metadata.labels?.['team']]).toEqual(['0 5 * * *', 'theirs'])
    expect(await outcomesOf(here, before, 'edited')).toEqual({
      done: [`update cronjobs ${childName('edited')}`, 'update validationschedules status edited'],
      refused: [`409 update cronjobs ${childName('edited')}`],
    })
  })

  it('leaves the name to the object that was created first', async () => {
    const before = position()
    const { reached, release } = hold('POST', 'cronjobs', 'slower')
    await schedules.create('slower')
    await reached
    const container = { name: 'theirs', image: 'theirs' }
    await schedules.client.create(RESOURCES.cronJobs, {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { namespace: here.name, name: childName('slower') },
      spec: {
        schedule: '0 0 1 1 *',
        jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
      },
    })
    release()
    await schedules.status('slower', 'in conflict', is('Stalled', 'True', 'Conflict'))
    expect((await schedules.cronJobOf('slower')).spec['schedule']).toBe('0 0 1 1 *')
    expect(await outcomesOf(here, before, 'slower')).toEqual({
      done: ['update validationschedules status slower'],
      refused: [`409 create cronjobs ${childName('slower')}`],
    })
  })

  it('creates one Job per request when the next request comes in between', async () => {
    await schedules.create('hasty', { suspend: true })
    await schedules.status('hasty', 'Ready', is('Ready', 'True'))
    const { reached, release } = hold('POST', 'jobs', 'hasty')
    await schedules.request('hasty', 'first')
    await reached
    await schedules.request('hasty', 'second')
    release()
    const { active: [first] = [] } = await schedules.status(
      'hasty',
      'running',
      ({ active }) => active?.length === 1,
    )
    await here.kubelet.finish(first?.job ?? '', {
      exitCode: 0,
      message: summaryText(first?.jobUID ?? ''),
    })
    const { active: [second] = [], recentRuns } = await schedules.status(
      'hasty',
      'running again',
      ({ lastHandledRunRequest, active }) => lastHandledRunRequest === 'second' && active?.length === 1,
    )
    expect(recentRuns).toMatchObject([{ jobUID: first?.jobUID, verdict: 'Passed' }])
    const jobs = (await schedules.jobsOf('hasty')).map(({ metadata }) => metadata.uid)
    expect(jobs).toHaveLength(2)
    expect(new Set(jobs)).toEqual(new Set([first?.jobUID, second?.jobUID]))
  })
})
