import { existsSync } from 'node:fs'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kubeconfig } from '../../../scripts/control-plane/access.ts'
import { issueCertificate } from '../../../scripts/control-plane/certificates.ts'
import { connect } from '../../../scripts/control-plane/client.ts'
import { startCluster } from '../../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../../scripts/control-plane/cluster.ts'
import { describeWithCluster } from '../namespace.ts'
import { playKubelet } from '../play-kubelet.ts'
import { until } from '../../../scripts/control-plane/until.ts'

describeWithCluster('a cluster of one test file', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster({ flags: { 'kube-apiserver': { 'feature-gates': 'WatchList=false' } } })
  })
  afterAll(() => cluster.stop())

  test('keeps its objects and controllers after a crash of the API server and a compaction', async () => {
    const admin = connect(cluster.kubeconfig())
    const namespace = await cluster.createNamespace('crash')
    const before = await admin.core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: 'kept' } },
    })
    await cluster.stopApiServer('SIGKILL')
    await expect(admin.core.listNamespace()).rejects.toThrow('fetch failed')
    await cluster.startApiServer()
    await cluster.compactEtcd()
    await cluster.compactEtcd()

    const after = await admin.core.readNamespacedConfigMap({ namespace, name: 'kept' })
    expect(after.metadata?.uid).toBe(before.metadata?.uid)
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'job' }] } }
    await admin.batch.createNamespacedJob({
      namespace,
      body: { metadata: { name: 'after' }, spec: { template } },
    })
    const done = await playKubelet(admin, namespace).finish('after', { exitCode: 0 })
    expect(done?.status?.succeeded).toBe(1)
  })

  test('uses other flags after a restart', async () => {
    const admin = connect(cluster.kubeconfig())
    const streamingList = () =>
      admin.core.listNamespace({
        watch: true,
        sendInitialEvents: true,
        resourceVersionMatch: 'NotOlderThan',
        allowWatchBookmarks: true,
        timeoutSeconds: 1,
      })
    await expect(streamingList()).rejects.toMatchObject({
      code: 422,
      body: expect.stringContaining('sendInitialEvents is forbidden'),
    })
    await cluster.restartApiServer({ 'feature-gates': 'WatchList=true' })
    const outcome = await streamingList().catch((error: unknown) => error)
    expect(outcome).not.toMatchObject({ code: 422 })
  })

  test('does not respond while it is paused', async () => {
    const admin = connect(cluster.kubeconfig())
    await admin.core.listNamespace()
    cluster.pause('kube-apiserver')
    const answer = admin.core.listNamespace()
    const first = await Promise.race([
      answer.then(() => 'answered'),
      new Promise((resolve) => setTimeout(resolve, 500, 'silent')),
    ])
    expect(first).toBe('silent')
    cluster.resume('kube-apiserver')
    expect((await answer).items.length).toBeGreaterThan(3)
  })

  test('can be used through a TLS proxy by a service account', async () => {
    const { authority, server } = cluster.access
    const serving = issueCertificate(authority, { commonName: 'proxy', hosts: ['127.0.0.1'] })
    const proxy = createServer({ cert: serving.certificate, key: serving.key }, (incoming, outgoing) => {
      const { method = 'GET', url = '/', headers } = incoming
      const onward = request(`${server}${url}`, { method, headers, ca: authority.certificate }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      incoming.pipe(onward)
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = proxy.address() as AddressInfo
      const through = `https://127.0.0.1:${port}`
      const admin = connect(kubeconfig({ ...cluster.access, server: through }))
      expect((await admin.core.readNamespace({ name: 'default' })).metadata?.name).toBe('default')

      const namespace = await cluster.createNamespace('account')
      const direct = await cluster.serviceAccountKubeconfig(namespace, 'default')
      const account = connect(direct.replace(server, through))
      await expect(account.core.listNamespacedSecret({ namespace })).rejects.toMatchObject({
        code: 403,
        body: expect.stringContaining(`system:serviceaccount:${namespace}:default`),
      })
    } finally {
      proxy.closeAllConnections()
      proxy.close()
    }
  })

  test('runs a scheduler on request, and leaves neither a process nor a file', async () => {
    const second = await startCluster({ scheduler: true })
    const servers = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const
    const pids = servers.map((server) => second.pidOf(server))
    try {
      const { core } = connect(second.kubeconfig())
      const namespace = await second.createNamespace('scheduler')
      const spec = { containers: [{ name: 'job', image: 'job' }] }
      await core.createNamespacedPod({ namespace, body: { metadata: { name: 'waits' }, spec } })
      const message = await until('the message of the scheduler', async () => {
        const { status } = await core.readNamespacedPod({ namespace, name: 'waits' })
        return status?.conditions?.find(({ reason }) => reason === 'Unschedulable')?.message
      })
      expect(message).toContain('no nodes available')
    } finally {
      await second.stop()
    }
    expect(existsSync(second.directory)).toBe(false)
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })
})
