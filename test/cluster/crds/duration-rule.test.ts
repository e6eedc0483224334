import { expect, test } from 'vitest'
import { describeWithCluster } from '../namespace.ts'
import { useScheduleApi } from '../schedule-api.ts'
import { SMALLEST } from '../suite/api-cases.ts'
import type { Accepted, Refused } from '../suite/api-cases.ts'

const FULL_EVERY =
  'needs a duration such as 90m, 168h, 7d, 1w, 18mo, 2y or P1DT12H, from one hour to 366 days'

const ACCEPTED: readonly Accepted[] = [
  ['full every hour', { fullEvery: '60m' }],
  ['full once a year', { incremental: true, fullEvery: '8784h' }],
  ...[
    '7d',
    '1w',
    '1h30m',
    '1.5h',
    '12mo',
    '1y',
    '0y60m',
    'P1W',
    'P1Y',
    'P1M',
    'PT60M',
    'P1DT12H',
    'P11M30DT1H0.5S',
  ].map((fullEvery): Accepted => [`full every ${fullEvery}`, { fullEvery }]),
]

const REFUSED: readonly Refused[] = [
  ['full every half an hour', { fullEvery: '30m' }, FULL_EVERY],
  ['full every number', { fullEvery: '168' }, FULL_EVERY],
  ['full never', { fullEvery: '0h' }, FULL_EVERY],
  ['full after ages', { fullEvery: '8785h' }, FULL_EVERY],
  ...[
    '0.9h',
    'PT59M59.9S',
    '13mo',
    '1y1s',
    'P1YT1S',
    'P',
    'PT',
    'P1DT',
    '1m1h',
    '1.5mo',
    'P1H',
    '1H',
    '-7d',
    '7 d',
  ].map((fullEvery): Refused => [`full every ${fullEvery}`, { fullEvery }, FULL_EVERY]),
]

describeWithCluster('the API server, for a duration,', () => {
  const api = useScheduleApi('duration-rule')

  test.each(ACCEPTED)('accepts %s', async (name, change) => {
    await api.write(name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { ...SMALLEST, ...change })
  })

  test.each(REFUSED)('refuses %s', async (_, change, message) => {
    expect(await api.refusal({ ...SMALLEST, ...change })).toContain(message)
  })
})
