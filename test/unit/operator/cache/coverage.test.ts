import { pino } from 'pino'
import { expect, it } from 'vitest'
import type { Caches } from '../../../../operator/cache/caches.ts'
import { Coverage } from '../../../../operator/cache/coverage.ts'
import type { Access } from '../../../../operator/kube/reflector.ts'

const KINDS = ['schedules', 'cronJobs', 'jobs', 'pods'] as const

/** Four watches of each namespace, of which a test says how they stand. */
function world(namespaces: readonly string[] | undefined) {
  const access = new Map<string, Access>()
  const caches = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      {
        reflectorOf: (namespace: string) => ({
          access: access.get(`${kind} ${namespaces === undefined ? '*' : namespace}`) ?? 'pending',
          lastError: `${kind} is forbidden`,
        }),
      },
    ]),
  ) as unknown as Caches
  const readable: string[] = []
  let settled = false
  const coverage = new Coverage({
    caches,
    namespaces,
    log: pino({ enabled: false }),
    onReadable: (namespace) => readable.push(namespace),
  })
  void coverage.synced.then(() => (settled = true))
  const set = async (namespace: string, to: Access, kinds: readonly string[] = KINDS): Promise<void> => {
    for (const kind of kinds) access.set(`${kind} ${namespace}`, to)
    coverage.update()
    await Promise.resolve()
  }
  return { coverage, set, readable, isSettled: () => settled }
}

it('is settled when every namespace is read or refused, and one can be read', async () => {
  const { coverage, set, isSettled, readable } = world(['a', 'b'])
  expect(coverage.problem()).toBe('still reading schedules, cronJobs, jobs, pods')
  await set('b', 'refused')
  await set('a', 'granted', ['schedules', 'cronJobs', 'jobs'])
  expect([isSettled(), coverage.problem()]).toEqual([false, 'still reading pods'])
  await set('a', 'granted')
  expect([isSettled(), coverage.problem(), readable]).toEqual([true, undefined, ['a']])
  expect(['a', 'b'].map((name) => coverage.isReadable(name))).toEqual([true, false])
})

it('is not settled, and says why, where no namespace can be read', async () => {
  const { coverage, set, isSettled } = world(['a', 'b'])
  await set('a', 'refused')
  await set('b', 'granted', ['schedules', 'cronJobs', 'jobs'])
  await set('b', 'refused', ['pods'])
  expect([isSettled(), coverage.problem()]).toEqual([
    false,
    'no namespace can be read: schedules is forbidden',
  ])
  await set('b', 'granted')
  expect([isSettled(), coverage.problem()]).toEqual([true, undefined])
})

it('names a namespace again each time that it can be read again', async () => {
  const { coverage, set, readable } = world(['a', 'b'])
  await set('a', 'granted')
  await set('b', 'granted')
  await set('b', 'refused', ['jobs'])
  expect(coverage.isReadable('b')).toBe(false)
  expect(coverage.problem()).toBeUndefined()
  await set('b', 'granted')
  expect(readable).toEqual(['a', 'b', 'b'])
})

it('of all namespaces is one', async () => {
  const { coverage, set, readable, isSettled } = world(undefined)
  expect(coverage.namespaces).toEqual(['*'])
  await set('*', 'refused')
  expect([isSettled(), coverage.isReadable('any')]).toEqual([false, false])
  await set('*', 'granted')
  expect([isSettled(), coverage.isReadable('any'), readable]).toEqual([true, true, ['*']])
})
