import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { KubeClient } from '../../../../operator/kube/client.ts'
import { failureOf, NotLeaderError, UnreachableError } from '../../../../operator/kube/errors.ts'
import { RESOURCES } from '../../../../operator/kube/object.ts'
import { pod, refuse, serve, silence, startFakeApi } from '../fake-api.ts'

const at = { namespace: 'ns', name: 'a' }
const update = { ...pod('a', 3), metadata: { ...pod('a', 3).metadata, resourceVersion: '3' } }

afterEach(() => {
  vi.useRealTimers()
})

describe('the client', () => {
  test('keeps what it does not know, and times as the text they are', async () => {
    const odd = { ...pod('a', 3), spec: { fieldOfTomorrow: [1], at: '2026-11-24T02:00:00Z' } }
    const api = await startFakeApi(serve(odd))
    expect(await api.client().get(RESOURCES.pods, at)).toEqual(odd)
    expect(api.calls[0]).toMatchObject({ method: 'GET', path: '/api/v1/namespaces/ns/pods/a' })
    expect(api.calls[0]?.headers).toMatchObject({
      authorization: 'Bearer secret',
      accept: 'application/json',
    })
  })

  test('uses its connections again, also for the guarded client', async () => {
    const api = await startFakeApi(serve(pod('a', 3)))
    const client = api.client()
    const guarded = client.guarded(() => undefined)
    for (let call = 0; call < 10; call++) await client.get(RESOURCES.pods, at)
    for (let call = 0; call < 10; call++) await guarded.replace(RESOURCES.pods, update)
    // A call may start before the connection of the last one is back in the pool.
    expect(api.connections()).toBeLessThanOrEqual(2)
  })

  test('says who writes', async () => {
    const api = await startFakeApi(serve(pod('a', 3)))
    const client = api.client({ fieldManager: 'us' })
    await client.create(RESOURCES.pods, pod('a', 3))
    await client.replace(RESOURCES.pods, update)
    await client.replaceStatus(RESOURCES.pods, update)
    await client.patch(RESOURCES.pods, { ...at, resourceVersion: '3' }, [
      { op: 'remove', path: '/metadata/labels' },
    ])
    await client.remove(RESOURCES.pods, at, { uid: 'u', propagation: 'Foreground' })
    expect(api.calls.map(({ method, path, query }) => `${method} ${path}?${query.toString()}`)).toEqual([
      'POST /api/v1/namespaces/ns/pods?fieldManager=us&fieldValidation=Strict',
      'PUT /api/v1/namespaces/ns/pods/a?fieldManager=us&fieldValidation=Strict',
      'PUT /api/v1/namespaces/ns/pods/a/status?fieldManager=us',
      'PATCH /api/v1/namespaces/ns/pods/a?fieldManager=us',
      'DELETE /api/v1/namespaces/ns/pods/a?',
    ])
    expect(api.calls[3]?.headers['content-type']).toBe('application/json-patch+json')
    expect(JSON.parse(api.calls[3]?.body ?? '')).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: '3' },
      { op: 'remove', path: '/metadata/labels' },
    ])
    expect(JSON.parse(api.calls[4]?.body ?? '')).toMatchObject({
      preconditions: { uid: 'u' },
      propagationPolicy: 'Foreground',
    })
  })

  test('asks the guard at every write, and sends nothing when it throws; reads pass', async () => {
    const api = await startFakeApi(serve(pod('a', 3)))
    let leading = true
    const client = api.client({
      guard: () => {
        if (!leading) throw new NotLeaderError('not leading')
      },
    })
    await client.create(RESOURCES.pods, pod('a', 3))
    // Lost while the write is on its way to the socket.
    const late = client.replace(RESOURCES.pods, update)
    leading = false
    await expect(late).rejects.toThrow(NotLeaderError)
    for (const write of [
      () => client.create(RESOURCES.pods, pod('a', 3)),
      () => client.replaceStatus(RESOURCES.pods, update),
      () => client.patch(RESOURCES.pods, { ...at, resourceVersion: '3' }, []),
      () => client.remove(RESOURCES.pods, at),
    ]) {
      await expect(write()).rejects.toThrow(NotLeaderError)
    }
    await client.get(RESOURCES.pods, at)
    expect(api.calls.map(({ method }) => method)).toEqual(['POST', 'GET'])
  })

  test('gives up a call that is not answered, and the connection with it', async () => {
    const api = await startFakeApi(silence, serve(pod('a', 3)))
    const client = api.client()
    const error: unknown = await client
      .get(RESOURCES.pods, at, { timeout: 50 })
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UnreachableError)
    expect(String(error)).toContain('GET /api/v1/namespaces/ns/pods/a')
    expect(failureOf(error)).toEqual({ kind: 'transient' })
    await client.get(RESOURCES.pods, at)
    expect(api.connections()).toBe(2)
  })

  test('leaves nothing on the signal of a caller who lives long', async () => {
    const api = await startFakeApi(serve(pod('a', 3)))
    const client = api.client()
    const { signal } = new AbortController()
    for (let call = 0; call < 20; call++) await client.get(RESOURCES.pods, at, { signal })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('ends when its caller does', async () => {
    const api = await startFakeApi(silence)
    const client = api.client()
    const abort = new AbortController()
    const call = client.get(RESOURCES.pods, at, { signal: abort.signal })
    setTimeout(() => abort.abort(), 20)
    await expect(call).rejects.toThrow(UnreachableError)
    await expect(client.get(RESOURCES.pods, at, { signal: abort.signal })).rejects.toThrow(UnreachableError)
  })

  test('nothing secret is in an error', async () => {
    const api = await startFakeApi(refuse(401, 'Unauthorized'), silence)
    const client = api.client()
    for (let call = 0; call < 2; call++) {
      const error: unknown = await client
        .get(RESOURCES.pods, at, { timeout: 50 })
        .catch((error: unknown) => error)
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain('secret')
    }
  })

  test('a token that rotates in its file is used within a little more than a minute', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-token-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, 'first\n')
    const api = await startFakeApi(serve(pod('a', 3)))
    const config = api.config()
    config.users = [{ name: 'fake', authProvider: { name: 'tokenFile', config: { tokenFile } } }]
    const client = new KubeClient(config)
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: new Date() })
    await client.get(RESOURCES.pods, at)
    writeFileSync(tokenFile, 'second\n')
    vi.advanceTimersByTime(70_000)
    await client.get(RESOURCES.pods, at)
    expect(api.calls.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer second'])
  })
})
