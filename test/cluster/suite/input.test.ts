import { expect, it } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { failureSummary } from '../../../job-image/run/summary.ts'
import { encodeRunSummary } from '../../../crds/run-summary.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { conditionOf, is } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

type Case = readonly [what: string, spec: object, said: RegExp]

const mounts = (...paths: string[]) => ({
  volumes: [{ name: 'packs', emptyDir: {} }],
  volumeMounts: paths.map((mountPath) => ({ name: 'packs', mountPath })),
})
const volume = (source: object): object => ({ job: { pod: { volumes: [{ name: 'x', ...source }] } } })

const nodeAffinity = (required: unknown): object => ({
  job: { pod: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } } },
})

/** Specs that the CRD accepts and the API server refuses, with its error. */
const REFUSED: readonly Case[] = [
  ['an hour that there is not', { schedule: '0 25 * * *' }, /above maximum \(23\): 25/],
  ['a day that there is not', { schedule: '0 2 * * 7' }, /above maximum \(6\): 7/],
  ['no number', { schedule: '0 two * * *' }, /failed to parse int/],
  ['an unknown zone', { timeZone: 'Mars/Base' }, /unknown time zone Mars\/Base/],
  ['an affinity that is a number', nodeAffinity(7), /cannot unmarshal number/],
  ['an affinity without terms', nodeAffinity({}), /nodeSelectorTerms: Required value/],
  ['an unknown kind of volume', volume({ floppyDisk: {} }), /floppyDisk/],
  [
    'two kinds of one volume',
    volume({ emptyDir: {}, hostPath: { path: '/' } }),
    /may not specify more than 1/,
  ],
  [
    'a key that is quoted in an error of 40,000 characters',
    { job: { pod: { affinity: { nodeAffinity: { ['z'.repeat(40_000)]: 1 } } } } },
    /unknown field "spec\.jobTemplate.*zzz…$/,
  ],
  ['a size that is none', volume({ emptyDir: { sizeLimit: 'large' } }), /quantities must match/],
  [
    'a limit below the request',
    { job: { pod: { resources: { limits: { cpu: 1 }, requests: { cpu: 2 } } } } },
    /must be less than or equal to cpu limit/,
  ],
  ['two mounts at one place', { job: { pod: mounts('/packs', '/packs') } }, /must be unique/],
  [
    'a mount of no volume',
    { job: { pod: { volumeMounts: [{ name: 'none', mountPath: '/x' }] } } },
    /Not found: "none"/,
  ],
  [
    'a variable without a valid name',
    { job: { pod: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }] } } },
    /fieldPath/,
  ],
]

describeWithCluster('a spec that cannot be used', () => {
  const operated = useOperator('input')

  it.concurrent.each(REFUSED.map((row, index) => [...row, `wrong-${index}`] as const))(
    'is refused, does not change the last good CronJob, and leaves no trace after its correction: %s',
    async (_what, spec, said, name) => {
      const { schedules } = operated
      await schedules.create(name)
      await schedules.status(name, 'Ready', is('Ready', 'True'))
      const good = await schedules.read(name)
      const cronJob = await schedules.cronJobOf(name)
      const position = operated.position()

      const replace = (value: object) => schedules.patch(name, [{ op: 'replace', path: '/spec', value }])
      await replace({ ...good.spec, ...spec })
      const refused = await schedules.status(name, 'refused', is('Accepted', 'False', 'InvalidSpec'))
      expect(conditionOf(refused, 'Accepted')?.message).toMatch(said)
      expect(conditionOf(refused, 'Stalled')).toMatchObject({ status: 'True', reason: 'InvalidSpec' })
      expect(conditionOf(refused, 'Stalled')?.message).toMatch(said)
      expect(conditionOf(refused, 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' })
      expect(refused).toMatchObject({ observedGeneration: 2, cronJobName: cronJob.metadata.name })
      expect(refused).not.toHaveProperty('nextScheduleTime')
      expect((await schedules.cronJobOf(name)).metadata).toEqual(cronJob.metadata)

      await replace(good.spec)
      const healed = await schedules.status(name, 'healed', is('Ready', 'True'))
      expect(conditionOf(healed, 'Accepted')).toMatchObject({ status: 'True', reason: 'Valid' })
      expect(conditionOf(healed, 'Stalled')).toMatchObject({ status: 'False' })
      expect((await schedules.cronJobOf(name)).spec).toEqual(cronJob.spec)
      // One refused write and two statuses; the CronJob was right all the time.
      const status = `update validationschedules status ${name}`
      expect(await schedules.writes(position, name)).toEqual([
        `update cronjobs ${cronJob.metadata.name}`,
        status,
        status,
      ])
    },
  )

  it('creates no CronJob until it is corrected', async () => {
    const { schedules } = operated
    await schedules.create('stillborn', { timeZone: 'Mars/Base' })
    const refused = await schedules.status('stillborn', 'refused', is('Accepted', 'False', 'InvalidSpec'))
    expect(conditionOf(refused, 'Ready')?.message).toBe('there is no CronJob')
    expect(refused).not.toHaveProperty('cronJobName')
    await expect(schedules.cronJobOf('stillborn')).rejects.toThrow('not found')
    await schedules.patch('stillborn', [{ op: 'replace', path: '/spec/timeZone', value: 'Europe/Berlin' }])
    await schedules.status('stillborn', 'Ready', is('Ready', 'True'))
    expect((await schedules.cronJobOf('stillborn')).spec).toMatchObject({ timeZone: 'Europe/Berlin' })
  })

  it('is refused by the CRD: the schedule, its CronJob and its status stay', async () => {
    const { schedules } = operated
    await schedules.create('kept')
    await schedules.status('kept', 'Ready', is('Ready', 'True'))
    const before = await schedules.read('kept')
    const position = operated.position()
    for (const schedule of [
      '0 0 2 * * *',
      '@every 5m',
      'TZ=Europe/Berlin 0 2 * * *',
      'CRON_TZ=UTC 0 2 * * *',
    ]) {
      const refusal = schedules.patch('kept', [{ op: 'replace', path: '/spec/schedule', value: schedule }])
      await expect(refusal).rejects.toThrow(/five fields/)
    }
    expect(await schedules.read('kept')).toEqual(before)
    expect(await schedules.writes(position, 'kept')).toEqual([])
  })

  itIsStillAtWork(operated)
})

describeWithCluster('a usable spec with a problem', () => {
  const operated = useOperator('input-odd')

  it('reports a cron expression that never fires', async () => {
    const { schedules } = operated
    await schedules.create('never', { schedule: '0 0 30 2 *' })
    const status = await schedules.status('never', 'Ready', is('Ready', 'True'))
    expect(conditionOf(status, 'Accepted')).toMatchObject({
      status: 'True',
      reason: 'NeverFires',
      message: expect.stringContaining('a date that does not come') as string,
    })
    expect(conditionOf(status, 'Ready')).toMatchObject({ reason: 'NeverFires' })
    expect(status).not.toHaveProperty('nextScheduleTime')
    await until(
      'the event',
      async () => (await schedules.eventsOf('never')).includes('NeverFires') || undefined,
    )
  })

  it.each(['Factory', 'posix/Europe/Berlin', 'localtime'])(
    'accepts a zone that only Go knows, and reports no next run: %s',
    async (timeZone) => {
      const { schedules } = operated
      const name = timeZone.toLowerCase().replaceAll('/', '-')
      await schedules.create(name, { timeZone })
      const status = await schedules.status(name, 'evaluated', ({ conditions }) => conditions !== undefined)
      expect(conditionOf(status, 'Accepted')).toMatchObject({
        status: 'True',
        reason: 'NextRunUnknown',
        message: expect.stringContaining(`does not know the time zone "${timeZone}"`) as string,
      })
      expect(conditionOf(status, 'Ready')).toMatchObject({ status: 'True' })
      expect(status).not.toHaveProperty('nextScheduleTime')
      // The CronJob controller runs it.
      const { job } = await schedules.runNow(name, 'once')
      expect(await schedules.jobsOf(name)).toMatchObject([{ metadata: { name: job } }])
    },
  )

  it('shows the error of the run if its ConfigMap is missing', async () => {
    const { schedules, here } = operated
    await schedules.create('missing', { suspend: true })
    const { job, uid } = await schedules.runNow('missing', 'once')
    const error = 'ConfigMap "rapidrmf", key "config.yaml": not found; create it, or correct spec.config'
    const message = encodeRunSummary(failureSummary(uid, 'production', new InputError(error), undefined))
    await here.kubelet.finish(job, { exitCode: 2, message })
    const status = await schedules.status('missing', 'recorded', ({ lastRun }) => lastRun !== undefined)
    expect(status.lastRun).toMatchObject({ verdict: 'Errored', reason: 'InvalidInput', message: error })
    expect(status.lastRun).not.toHaveProperty('counts')
    expect(conditionOf(status, 'RunSucceeded')).toMatchObject({
      status: 'False',
      reason: 'RunErrored',
      message: `InvalidInput: ${error}`,
    })
    expect(await schedules.jobsOf('missing')).toHaveLength(1)
  })

  itIsStillAtWork(operated)
})
