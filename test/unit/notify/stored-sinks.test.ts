import { expect, test } from 'vitest'
import { readStoredSinks, storedSinks } from '../../../job-image/notify/stored-sinks.ts'
import { webhookSink } from '../../support/sinks.ts'

const secret = { type: 'webhook', url: 'https://x/canary', secret: 'canary', headers: {} } as const
const ops = webhookSink('', { on: ['errored', 'worse'], transport: secret })
const staging = webhookSink('', { name: 'staging', environments: ['staging'] })
const RULE = { name: 'ops', on: ['errored', 'worse'], grace: 300_000 }

test('the sinks of the environment are stored without a secret, and read as they were stored', () => {
  const stored = storedSinks([ops, staging], 'production')
  expect(stored).toEqual({ sinks: [RULE] })
  expect(readStoredSinks(JSON.parse(JSON.stringify(stored)) as Record<string, unknown>)).toEqual([RULE])
})

test('an environment without sinks stores nothing', () => {
  expect(storedSinks([staging], 'production')).toEqual({})
  expect(storedSinks(undefined, 'production')).toEqual({})
})

test.each<[Record<string, unknown> | null, unknown[]]>([
  [null, []],
  [{}, []],
  [{ sinks: 'ops' }, []],
  [{ sinks: [null, 7, {}] }, []],
  [{ sinks: [{ ...RULE, name: 7 }] }, []],
  [{ sinks: [{ ...RULE, on: 'always' }] }, []],
  [{ sinks: [{ ...RULE, on: ['always', 'sometimes', 7] }] }, [{ ...RULE, on: ['always'] }]],
  [{ sinks: [{ ...RULE, grace: -1 }] }, []],
  [{ sinks: [{ ...RULE, grace: '0' }] }, []],
  [{ sinks: [{ ...RULE, grace: 0 }] }, [{ ...RULE, grace: 0 }]],
  [{ sinks: [{ ...RULE, grace: 86_400_000 }] }, [{ ...RULE, grace: 86_400_000 }]],
  [{ sinks: [{ ...RULE, grace: 86_400_001 }] }, []],
  [{ sinks: [{ ...RULE, more: 1 }] }, [RULE]],
])('of the attributes %j, this is read: %j', (attributes, rules) => {
  expect(readStoredSinks(attributes)).toEqual(rules)
})
