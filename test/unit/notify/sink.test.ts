import { expect, test } from 'vitest'
import { sinksFor, withoutGrace } from '../../../job-image/notify/sink.ts'
import { webhookSink } from '../../support/sinks.ts'

const both = webhookSink('http://a', { name: 'both', environments: ['production', 'staging'] })
const one = webhookSink('http://b', { name: 'one', environments: ['staging'] })
const none = webhookSink('http://c', { name: 'none', environments: [] })

test('the sinks of environments are restricted to them', () => {
  const named = (...names: string[]): [string, readonly string[]][] =>
    sinksFor([both, one, none], ...names).map(({ name, environments }) => [name, environments])
  expect(named('production')).toEqual([['both', ['production']]])
  expect(named('staging', 'production')).toEqual([
    ['both', ['production', 'staging']],
    ['one', ['staging']],
  ])
  expect(named('other')).toEqual([])
  expect(named()).toEqual([])
  expect(both.environments).toEqual(['production', 'staging'])
})

test('a sink without its delay is otherwise the same', () => {
  expect(withoutGrace([both])).toEqual([{ ...both, grace: 0 }])
  expect(both.grace).toBe(300_000)
})
