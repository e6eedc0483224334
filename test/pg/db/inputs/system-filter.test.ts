import { describe, expect, it } from 'vitest'
import {
  hasSystem,
  likePattern,
  systemPage,
  wantedSystems,
} from '../../../../job-image/db/inputs/system-filter.ts'
import type { SystemFilter } from '../../../../job-image/db/inputs/system-filter.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const production = await seedWorld(client, { systems: 3, controls: ['AC-1'] })
await seedWorld(client, { environment: 'staging', systems: 2, controls: ['AC-1'] })
const NAMES = ['production-system-1', 'production-system-2', 'production-system-3']
const STAGING = ['staging-system-1', 'staging-system-2']

async function page(
  filter: SystemFilter & { readonly runId?: number },
  after?: string,
  size = 10,
): Promise<string[]> {
  return (await systemPage(client, filter, after, size)).map(({ name }) => name)
}

describe('a page of systems', () => {
  it.each<[string, SystemFilter, string[]]>([
    ['all', {}, [...NAMES, ...STAGING]],
    ['those of an environment', { environment: 'staging' }, STAGING],
    ['one by name', { system: 'production-system-2' }, ['production-system-2']],
    ['those of a pattern', { system: '*-system-?' }, [...NAMES, ...STAGING]],
    ['those of a pattern and an environment', { environment: 'staging', system: '*1' }, ['staging-system-1']],
    ['none of a name in another environment', { environment: 'staging', system: 'production-system-1' }, []],
  ])('has %s', async (_, filter, expected) => expect(await page(filter)).toEqual(expected))

  it('begins after the last name of the page before, and has at most its size', async () => {
    expect(await page({}, undefined, 2)).toEqual(NAMES.slice(0, 2))
    expect(await page({}, NAMES[1], 2)).toEqual([NAMES[2], STAGING[0]])
    expect(await page({}, STAGING[1], 2)).toEqual([])
  })

  it('has the id and the environment of each system', async () => {
    expect(await systemPage(client, { system: 'production-system-1' }, undefined, 1)).toEqual([
      { id: production[0], name: 'production-system-1', environment: 'production' },
    ])
  })

  it('has only the systems that the run has a record of', async () => {
    const [one = 0, two = 0, three = 0] = production
    await addRun(client, { answers: [{ systemId: two, state: 'error' }] })
    const runId = await addRun(client, {
      answers: [
        { systemId: three, state: 'error' },
        { systemId: one, controlIds: [] },
        { systemId: two, state: 'pending' },
      ],
    })
    expect(await page({ runId })).toEqual([NAMES[0], NAMES[2]])
    expect(await page({ runId, system: '*3' })).toEqual([NAMES[2]])
    expect(await page({ runId: runId + 1 })).toEqual([])
  })
})

it('a filter finds a system whether it has results or not', async () => {
  expect(await hasSystem(client, {})).toBe(true)
  expect(await hasSystem(client, { environment: 'staging', system: 'staging-*' })).toBe(true)
  expect(await hasSystem(client, { environment: 'production', system: 'staging-*' })).toBe(false)
  expect(await hasSystem(client, { environment: 'test' })).toBe(false)
})

it('the condition of a filter selects its systems', async () => {
  const { condition, values } = wantedSystems({ environment: 'production', system: '*[23]' })
  expect(values).toEqual(['production', '%[23]'])
  const { rows } = await client.query(`SELECT FROM systems s WHERE ${condition}`, ['production', '%3'])
  expect(rows).toHaveLength(1)
})

it.each([
  ['web-*', 'web-%'],
  ['web-?', 'web-_'],
  ['100%_of', String.raw`100\%\_of`],
  [String.raw`a\*b`, String.raw`a\\%b`],
])('the pattern %s is LIKE %s', (glob, like) => expect(likePattern(glob)).toBe(like))
