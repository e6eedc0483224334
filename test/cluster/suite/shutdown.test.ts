import { beforeAll, expect, it } from 'vitest'
import { createNamespace } from '../../../scripts/control-plane/access.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { call } from '../requests.ts'
import { startOperatorProcess } from '../run-operator.ts'
import { is, schedulesIn } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The time after which the kubelet kills the process. */
const KUBELET_KILLS = 30_000

describeWithCluster('an operator that is stopped while the API server does not respond', () => {
  const file = useNamespace('shutdown')
  beforeAll(() => installCrd(file.admin))

  /** Starts an operator in which a reconcile waits for its write, and all other requests hang. */
  async function hanging() {
    const name = await createNamespace(file.cluster, 'shutdown')
    const here = { name, cluster: file.cluster, admin: file.admin, kubelet: file.kubelet }
    const schedules = schedulesIn(here)
    const proxy = await startTlsProxy(file.cluster)
    const operator = await startOperatorProcess({ cluster: proxy.access, namespace: name })
    await schedules.create('first')
    await schedules.status('first', 'Ready', is('Ready', 'True'))
    const isWrite = call('POST', 'cronjobs', 'second')
    proxy.forget()
    proxy.fault = () => 'hang'
    await schedules.create('second')
    await until('the write', () => (proxy.requests.some(isWrite) ? true : undefined))
    return operator
  }

  it.concurrent('ends within the grace period', async () => {
    const operator = await hanging()
    const from = performance.now()
    expect([0, 143]).toContain(await operator.stop('SIGTERM'))
    expect(performance.now() - from).toBeLessThan(KUBELET_KILLS - 3_000)
  })

  it.concurrent('ends at once on a second signal', async () => {
    const operator = await hanging()
    operator.signal('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 200))
    const from = performance.now()
    expect(await operator.stop('SIGTERM')).toBe(143)
    expect(performance.now() - from).toBeLessThan(2_000)
  })
})
