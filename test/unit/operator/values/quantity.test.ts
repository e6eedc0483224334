import { expect, it } from 'vitest'
import { heapOption } from '../../../../operator/plan/cron-job/node-options.ts'
import { parseQuantity } from '../../../../operator/values/quantity.ts'

it.each([
  ['0.5', '500m'],
  ['1024Mi', '1Gi'],
  [2, '2'],
  ['1e3', '1k'],
  ['1E3', '1000'],
  ['.5', '500m'],
  ['1.5Gi', '1536Mi'],
  ['0.1m', '100u'],
  ['-1', '-1000m'],
])('%s is %s', (a, b) => {
  expect(parseQuantity(a)).toBeDefined()
  expect(parseQuantity(a)).toBe(parseQuantity(b))
})

it.each(['', '.', 'x', '1 Gi', '1gi', '1e', '1e999', '--1', '9'.repeat(40)])('%j is none', (text) => {
  expect(parseQuantity(text)).toBeUndefined()
})

it.each([
  ['128Mi', '--max-old-space-size=76'],
  ['1Gi', '--max-old-space-size=614'],
  ['1G', '--max-old-space-size=572'],
  [536_870_912, '--max-old-space-size=307'],
])('gives the heap its part of %s', (limit, value) => {
  expect(heapOption(limit)).toEqual({ name: 'NODE_OPTIONS', value })
})

it.each([undefined, 'plenty', '0', '1Ki'])('says nothing about %j', (limit) => {
  expect(heapOption(limit)).toBeUndefined()
})
