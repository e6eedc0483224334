import { beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { systemClock } from '../../../common/clock.ts'
import { startProxy } from '../../support/proxy.ts'
import type { Proxy } from '../../support/proxy.ts'
import { childName } from '../../../operator/values/names.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { outcomesOf } from '../outcomes.ts'
import { freePorts } from '../../../scripts/control-plane/ports.ts'
import { startOperator } from '../run-operator.ts'
import { is, schedulesIn } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The jump of the operator's clock. An idle watch sends a bookmark every 60 s, and a silence of 90 s is too long for a test. */
vi.mock(import('../../../operator/kube/reflector-timing.ts'), async (original) => {
  const { DEFAULT_TIMING } = await original()
  return { DEFAULT_TIMING: { ...DEFAULT_TIMING, silence: 3_000 } }
})

describeWithCluster('an operator whose connections are half-open', () => {
  const here = useNamespace('half-open')
  let schedules: Schedules
  let tcp: Proxy
  let url: string
  /** The offset of the operator's clock, in ms. */
  let ahead = 0

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    tcp = await startProxy(Number(new URL(here.cluster.server).port))
  })

  async function start(): Promise<void> {
    const [port = 0] = await freePorts(1)
    url = `http://127.0.0.1:${port}`
    const stop = startOperator({
      cluster: { ...here.cluster, server: tcp.through(here.cluster.server).replace(/\/$/, '') },
      namespace: here.name,
      flags: ['--port', String(port)],
      clock: { ...systemClock, now: () => systemClock.now() + ahead },
    })
    onTestFinished(async () => {
      ahead = 0
      tcp.restore()
      await stop()
    })
  }
  const probe = (path: 'healthz' | 'readyz'): Promise<{ status: number; text: string }> =>
    fetch(`${url}/${path}`).then(
      async (answer) => ({ status: answer.status, text: await answer.text() }),
      () => ({ status: 0, text: '' }),
    )
  const untilStatus = (path: 'healthz' | 'readyz', status: number): Promise<true> =>
    until(`${path} to say ${status}`, async () => ((await probe(path)).status === status ? true : undefined))

  it('detects the silence, reconnects, and handles each change once', async () => {
    await start()
    await schedules.create('silent')
    await schedules.status('silent', 'Ready', is('Ready', 'True'))
    tcp.freeze('existing')
    const before = auditPosition(here.cluster.auditLog)
    await schedules.patch('silent', [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
    await schedules.status('silent', 'observed', ({ observedGeneration }) => observedGeneration === 2)
    expect(await outcomesOf(here, before)).toEqual({
      done: [`update cronjobs ${childName('silent')}`, 'update validationschedules status silent'],
      refused: [],
    })
    expect((await probe('healthz')).status).toBe(200)
  })

  it('is alive but not ready while it can read nothing since its start', async () => {
    tcp.freeze()
    await start()
    await untilStatus('readyz', 503)
    expect((await probe('readyz')).text).toContain(
      'NO  caches: still reading schedules, cronJobs, jobs, pods',
    )
    expect((await probe('healthz')).status).toBe(200)
    tcp.restore()
    await untilStatus('readyz', 200)
  })

  it('is not alive while its watches are silent, and alive again after an event', async () => {
    await start()
    await untilStatus('readyz', 200)
    ahead = 1_000_000
    const { status, text } = await probe('healthz')
    expect(status).toBe(503)
    // A watch that receives an event after the jump is alive again.
    expect(text).toMatch(/stuck watches: (?:schedules|cronJobs|jobs|pods)/)
    await untilStatus('healthz', 200)
  })
})
