import { expect, it } from 'vitest'
import { createJobByHand } from '../job-by-hand.ts'
import { describeWithCluster } from '../namespace.ts'
import { itIsStillAtWork, useOperator } from '../operated-namespace.ts'
import { is, summaryText } from '../schedules.ts'

const TOKENS = [
  'x'.repeat(253),
  'x'.repeat(254),
  'long '.repeat(2000),
  ' with spaces \n\t and breaks\r\n',
  '\u0000\u001B[31mred\u0007',
  '🚀 später \u202Eright to left\u2028',
  '../../etc/passwd; rm -rf / $(reboot) {{ .Values }} <b>',
  '2026-11-23T12:00:00Z',
  '0',
]

describeWithCluster('a request for a run', () => {
  const operated = useOperator('requests')
  const { here } = operated

  it.concurrent.each(
    TOKENS.map((token, index) => [JSON.stringify(token.slice(0, 40)), token, `token-${index}`]),
  )('creates one Job for the token %s', async (_title, token, name) => {
    const { schedules } = operated
    await schedules.create(name, { suspend: true })
    const { job, uid } = await schedules.runNow(name, token)
    expect(await schedules.jobsOf(name)).toMatchObject([{ metadata: { name: job, uid } }])
    const [made] = await schedules.jobsOf(name)
    expect(made?.metadata.annotations?.['rapidrmf.io/run-request'] ?? '').not.toMatch(/\p{Cc}/u)
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    const { lastRun } = await schedules.status(name, 'recorded', ({ lastRun }) => lastRun !== undefined)
    expect(lastRun).toMatchObject({ jobUID: uid, trigger: 'Manual', verdict: 'Passed' })
  })

  it('waits for the end of an active run', async () => {
    const { schedules } = operated
    await schedules.create('busy', { suspend: true })
    await schedules.status('busy', 'Ready', is('Ready', 'True'))
    const byHand = await createJobByHand(schedules, 'busy', 'busy-by-hand')
    await schedules.status('busy', 'active', ({ active }) => active !== undefined)
    const position = operated.position()
    await schedules.request('busy', 'while busy')
    await schedules.request('busy', 'while busy, and changed')
    await schedules.create('after-busy')
    await schedules.status('after-busy', 'Ready', is('Ready', 'True'))
    expect(await schedules.jobsOf('busy')).toHaveLength(1)
    expect((await schedules.read('busy')).status).not.toHaveProperty('lastHandledRunRequest')
    await here.kubelet.finish(byHand.job, { exitCode: 0, message: summaryText(byHand.uid) })
    const { active } = await schedules.status(
      'busy',
      'acknowledged',
      ({ lastHandledRunRequest }) => lastHandledRunRequest === 'while busy, and changed',
    )
    expect(active).toHaveLength(1)
    expect(await schedules.jobsOf('busy')).toHaveLength(2)
    const creations = (await schedules.writes(position, 'busy')).filter((write) => write.startsWith('create'))
    expect(creations).toEqual([`create jobs ${active?.[0]?.job}`])
  })

  it('is not acknowledged while the spec cannot be used', async () => {
    const { schedules } = operated
    await schedules.create('refused', { suspend: true, timeZone: 'Mars/Base' })
    await schedules.status('refused', 'refused', is('Accepted', 'False'))
    await schedules.request('refused', 'early')
    await schedules.create('after-refused')
    await schedules.status('after-refused', 'Ready', is('Ready', 'True'))
    expect(await schedules.jobsOf('refused')).toEqual([])
    expect((await schedules.read('refused')).status).not.toHaveProperty('lastHandledRunRequest')
    await schedules.patch('refused', [{ op: 'replace', path: '/spec/timeZone', value: 'Etc/UTC' }])
    await schedules.status(
      'refused',
      'acknowledged',
      ({ lastHandledRunRequest }) => lastHandledRunRequest === 'early',
    )
    expect(await schedules.jobsOf('refused')).toHaveLength(1)
  })

  it('starts no run when it is repeated with the same token', async () => {
    const { schedules } = operated
    await schedules.create('again', { suspend: true })
    const { job, uid } = await schedules.runNow('again', 'same')
    await here.kubelet.finish(job, { exitCode: 0, message: summaryText(uid) })
    await schedules.status('again', 'recorded', ({ lastRun }) => lastRun !== undefined)
    const position = operated.position()
    await schedules.patch('again', [
      { op: 'remove', path: '/metadata/annotations/rapidrmf.io~1run-requested-at' },
    ])
    await schedules.request('again', 'same')
    await schedules.create('after-again')
    await schedules.status('after-again', 'Ready', is('Ready', 'True'))
    expect(await schedules.writes(position, 'again')).toEqual([])
    expect(await schedules.jobsOf('again')).toHaveLength(1)
  })

  itIsStillAtWork(operated)
})
