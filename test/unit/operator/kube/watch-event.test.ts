import { expect, test } from 'vitest'
import { KubeError } from '../../../../operator/kube/errors.ts'
import { GarbledWatchError, checkedEvent, closesList } from '../../../../operator/kube/watch-event.ts'
import type { WatchEvent } from '../../../../operator/kube/client.ts'
import { added, bookmark, deleted, initial, modified, pod } from '../fake-api.ts'

const checked = (event: unknown) => checkedEvent(event as WatchEvent)

test.each([added(pod('a', 7)), modified(pod('a', 7)), deleted(pod('a', 7)), bookmark(7)])(
  'an event $type has the version of its object',
  (event) => {
    expect(checked(event)).toEqual({ ...event, version: '7' })
  },
)

test('an ERROR event is thrown as the error of its Status', () => {
  const event = { type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old' } }
  expect(() => checked(event)).toThrow(
    expect.objectContaining({ name: 'KubeError', status: 410, reason: 'Expired', message: 'too old' }),
  )
  expect(() => checked({ type: 'ERROR' })).toThrow(KubeError)
  expect(() => checked({ type: 'ERROR' })).toThrow('HTTP 500')
})

test.each([
  [{ type: 'ADD', object: pod('a', 7) }, 'an event of the unknown type "ADD"'],
  [{}, 'an event of the unknown type ""'],
  [null, 'an event of the unknown type ""'],
  [{ type: 'ADDED' }, 'an event ADDED without a resourceVersion'],
  [{ type: 'ADDED', object: {} }, 'an event ADDED without a resourceVersion'],
  [{ type: 'MODIFIED', object: { metadata: { name: 'a' } } }, 'an event MODIFIED without a resourceVersion'],
])('%j is no event', (event, message) => {
  expect(() => checked(event)).toThrow(new GarbledWatchError(message))
})

test('a streaming list is closed by its bookmark, and by no other object', () => {
  const [object, end] = initial(7, pod('a', 7)).map((event) => event.object as ReturnType<typeof pod>)
  expect([object!, end!, bookmark(7).object as ReturnType<typeof pod>].map(closesList)).toEqual([
    false,
    true,
    false,
  ])
})
