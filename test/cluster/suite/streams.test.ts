import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { childName } from '../../../operator/values/names.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { startProxy } from '../../support/proxy.ts'
import type { Proxy } from '../../support/proxy.ts'
import { auditPosition } from '../../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { outcomesOf } from '../outcomes.ts'
import { freePorts } from '../../../scripts/control-plane/ports.ts'
import { call } from '../requests.ts'
import type { Matches } from '../requests.ts'
import { startOperator } from '../run-operator.ts'
import { is, schedulesIn } from '../schedules.ts'
import type { Schedules } from '../schedules.ts'
import { startTlsProxy } from '../tls-proxy.ts'
import type { Fault, ProxiedRequest, TlsProxy } from '../tls-proxy.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const WATCHED = ['validationschedules', 'cronjobs', 'jobs', 'pods'] as const
const GONE = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }

const isWatch: Matches = ({ isWatch }) => isWatch
const isStreamingList: Matches = ({ query }) => query.has('sendInitialEvents')
const isList: Matches = (request) => WATCHED.some((resource) => call('LIST', resource)(request))

/** Matches the first `count` requests of each path. */
function firstOfEach(matches: Matches, fault: Fault, times = 1) {
  const met = new Map<string, number>()
  return (request: ProxiedRequest): Fault | undefined => {
    const before = met.get(request.path) ?? 0
    if (!matches(request) || before >= times) return undefined
    met.set(request.path, before + 1)
    return fault
  }
}

/** Replaces the first event of each watch. */
function insteadOfFirst(text: string) {
  const met = new Set<string>()
  return (line: string, { path }: ProxiedRequest): string => {
    if (met.has(path)) return line
    met.add(path)
    return text
  }
}

describeWithCluster('an operator with a faulty API server', () => {
  const here = useNamespace('streams')
  let schedules: Schedules
  let tls: TlsProxy
  let tcp: Proxy
  let url: string

  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    tls = await startTlsProxy(here.cluster)
    tcp = await startProxy(Number(new URL(tls.access.server).port))
  })

  /** Starts a new operator for each test: consecutive failures increase the backoff. */
  async function start(): Promise<void> {
    const [port = 0] = await freePorts(1)
    url = `http://127.0.0.1:${port}`
    const server = tcp.through(tls.access.server).replace(/\/$/, '')
    const stop = startOperator({
      cluster: { ...tls.access, server },
      namespace: here.name,
      flags: ['--port', String(port)],
    })
    onTestFinished(async () => {
      tls.fault = undefined
      tls.line = undefined
      await stop()
    })
    await until('the operator to listen', async () => ((await probe('healthz')) === 0 ? undefined : true))
  }
  const probe = (path: 'healthz' | 'readyz'): Promise<number> =>
    fetch(`${url}/${path}`).then(
      ({ status }) => status,
      () => 0,
    )
  const ready = () =>
    until('the operator to be ready', async () => ((await probe('readyz')) === 200 ? true : undefined))
  const counted = (matches: Matches): number => tls.requests.filter(matches).length

  describe('continues, and sees all changes, after', () => {
    it.each<[what: string, name: string, lists: boolean, breakIt: () => void]>([
      ['watches that are reset', 'reset', false, () => tls.breakWatches()],
      ['connections that are reset', 'tcp-reset', false, () => tcp.drop()],
      [
        'watches that are refused with 410',
        'gone',
        true,
        () => {
          tls.fault = firstOfEach(isWatch, { status: 410, body: GONE })
          tls.breakWatches()
        },
      ],
      [
        'watches that are answered with 500',
        'error',
        false,
        () => {
          tls.fault = firstOfEach(isWatch, { status: 500 }, 2)
          tls.breakWatches()
        },
      ],
      [
        '410 within the watches',
        'gone-within',
        true,
        () => (tls.line = insteadOfFirst(JSON.stringify({ type: 'ERROR', object: GONE }))),
      ],
      ['garbage within the watches', 'garbage', true, () => (tls.line = insteadOfFirst('<html>502</html>'))],
      [
        'events cut off in the middle',
        'cut',
        true,
        () => (tls.line = insteadOfFirst('{"type":"MODIFIED","obj')),
      ],
      ['JSON that is no event', 'no-event', true, () => (tls.line = insteadOfFirst('{"items":[]}'))],
    ])('%s', async (_what, name, lists, breakIt) => {
      await start()
      await ready()
      await schedules.create(name)
      await schedules.status(name, 'Ready', is('Ready', 'True'))
      tls.forget()
      breakIt()
      const before = auditPosition(here.cluster.auditLog)
      await schedules.patch(name, [{ op: 'replace', path: '/spec/schedule', value: '0 3 * * *' }])
      await schedules.status(name, 'observed', ({ observedGeneration }) => observedGeneration === 2)
      expect(await outcomesOf(here, before)).toEqual({
        done: [`update cronjobs ${childName(name)}`, `update validationschedules status ${name}`],
        refused: [],
      })
      await schedules.client.remove(RESOURCES.cronJobs, { namespace: here.name, name: childName(name) })
      await until('a new CronJob', () => schedules.cronJobOf(name).catch(() => undefined))
      expect([await probe('healthz'), await probe('readyz')]).toEqual([200, 200])
      // Only streams with possible losses are read again, with backoff: four watches, each failed at most three times.
      expect(counted(isStreamingList) > 0).toBe(lists)
      expect(counted(isWatch)).toBeLessThanOrEqual(16)
      expect(counted(isList)).toBe(0)
    })
  })

  describe('waits for as long as Retry-After says', () => {
    const BUSY: Fault = { status: 429, headers: { 'retry-after': '2' } }
    /** Times of the requests that got a Retry-After, and of the next ones. */
    const refuseFirst = (matches: Matches): number[] => {
      const times: number[] = []
      tls.fault = (request) => {
        if (!matches(request)) return undefined
        times.push(performance.now())
        return times.length === 1 ? BUSY : undefined
      }
      return times
    }
    const expectOnePause = (times: readonly number[]): void => {
      // There is a third one if a change in between made the second one a conflict.
      expect(times.length).toBeLessThanOrEqual(3)
      const [refused = 0, again = 0] = times
      // Node's timers may fire a millisecond early.
      expect(again - refused).toBeGreaterThan(1_995)
    }

    it.each(['POST cronjobs', 'PUT cronjobs', 'PUT validationschedules/status', 'POST jobs'])(
      'before it repeats a %s, whatever happens meanwhile',
      async (write) => {
        const name = `busy-${write.toLowerCase().replaceAll(/\W/g, '-')}`
        const [method = '', resource = ''] = write.split(' ')
        await start()
        if (!write.includes('cronjobs') || method === 'PUT') {
          await schedules.create(name)
          await schedules.status(name, 'Ready', is('Ready', 'True'))
        }
        const times = refuseFirst(call(method, resource, name))
        if (write === 'POST cronjobs') await schedules.create(name)
        else if (write === 'POST jobs') await schedules.request(name, 'once')
        else await schedules.patch(name, [{ op: 'replace', path: '/spec/suspend', value: true }])
        await until('the refusal', () => times.at(0))
        await schedules.patch(name, [{ op: 'add', path: '/metadata/labels', value: { touched: 'yes' } }])
        await until('the next attempt', () => times.at(1))
        await schedules.status(name, 'Ready', is('Ready', 'True'))
        expectOnePause(times)
      },
    )

    it.each<[string, Matches]>([
      ['watch', (request) => request.isWatch && request.path.endsWith('/cronjobs')],
      ['streaming list', (request) => isStreamingList(request) && request.path.endsWith('/cronjobs')],
    ])('before it repeats a %s', async (what, matches) => {
      await start()
      if (what === 'watch') await ready()
      const times = refuseFirst(matches)
      if (what === 'watch') tls.breakWatches()
      await until('the next attempt', () => times.at(1))
      await ready()
      expectOnePause(times)
    })
  })

  describe('without streaming lists', () => {
    it.each([400, 422])('(refused with %i), lists page by page', async (status) => {
      tls.forget()
      tls.fault = (request) => {
        if (!isStreamingList(request)) return undefined
        return { status, body: { kind: 'Status', code: status, reason: 'Invalid' } }
      }
      await start()
      await ready()
      expect([counted(isStreamingList), counted(isList)]).toEqual([4, 4])
      await schedules.create(`paged-${status}`)
      await schedules.status(`paged-${status}`, 'Ready', is('Ready', 'True'))
    })

    it('is not ready while lists fail, and retries them with backoff', async () => {
      tls.forget()
      const refused = firstOfEach(isList, { status: 500 })
      const busy = firstOfEach(isList, { status: 429, headers: { 'retry-after': '1' } })
      tls.fault = (request) =>
        isStreamingList(request) ? { status: 400 } : (busy(request) ?? refused(request))
      await start()
      expect([await probe('healthz'), await probe('readyz')]).toEqual([200, 503])
      expect(await (await fetch(`${url}/readyz`)).text()).toContain(
        'still reading schedules, cronJobs, jobs, pods',
      )
      await ready()
      expect(counted(isList)).toBe(12)
    })
  })
})
