import { beforeEach, describe, expect, it } from 'vitest'
import { isPattern, removeSystems } from '../../../../job-image/db/systems/system-removal.ts'
import type { RemovalOptions, RemovedSystem } from '../../../../job-image/db/systems/system-removal.ts'
import { InputError } from '../../../../job-image/errors.ts'
import { createDatabase } from '../../../support/database.ts'
import { addForeignResult, addRun, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
let first = 0
let second = 0
let control = 0

beforeEach(async () => {
  await client.query(`
    DROP TABLE IF EXISTS tickets;
    TRUNCATE systems, evidence, validation_results, job_runs, controls, catalogs RESTART IDENTITY CASCADE`)
  ;[first = 0, second = 0] = await seedWorld(client, { systems: 2, controls: ['AC-1'], evidence: ['sbom'] })
  await seedWorld(client, { systems: 1, controls: ['AC-1'], environment: 'staging', evidence: [] })
  ;[control = 0] = await controlIds(client)
})

const remove = (changes: Partial<RemovalOptions>): Promise<RemovedSystem[]> =>
  removeSystems(client, {
    names: ['production-system-1'],
    environment: undefined,
    results: false,
    dryRun: false,
    ...changes,
  })

async function refusal(changes: Partial<RemovalOptions>): Promise<string> {
  const refused = remove(changes)
  await expect(refused).rejects.toThrow(InputError)
  return refused.then(String, (error: Error) => error.message)
}

async function count(table: string): Promise<number> {
  return (await client.query(`SELECT FROM ${table}`)).rows.length
}

describe('systems are removed', () => {
  it('with their evidence and, where wanted, their results; a run keeps its rows, the names and the time', async () => {
    const run = await addRun(client, {
      answers: [
        { systemId: first, controlIds: [control] },
        { systemId: second, controlIds: [control] },
      ],
    })
    await addForeignResult(client, { systemId: first, controlId: control, validatedAt: 1 })
    expect(await remove({ results: true })).toEqual([
      {
        system: 'production-system-1',
        environment: 'production',
        evidence: 1,
        results: 1,
        other_results: 1,
        runs: 1,
      },
    ])
    expect([await count('systems'), await count('evidence'), await count('validation_results')]).toEqual([
      2, 1, 1,
    ])
    expect(await count('run_systems')).toBe(2)
    const { rows } = await client.query('SELECT attributes FROM job_runs WHERE id = $1', [run])
    expect(rows).toEqual([
      {
        attributes: {
          removed_systems: { [first]: 'production-system-1' },
          pruned_at: expect.stringMatching(/Z$/) as string,
        },
      },
    ])
  })

  it('by pattern, within the environment', async () => {
    const removed = await remove({ names: ['*-system-?'], environment: 'production' })
    expect(removed.map(({ system }) => system)).toEqual(['production-system-1', 'production-system-2'])
    expect(await count('systems')).toBe(1)
  })

  it('not in a dry run, which reports the same', async () => {
    const dry = await remove({ dryRun: true })
    expect(await count('systems')).toBe(3)
    expect(await remove({})).toEqual(dry)
  })

  it('without a time in a run that never evaluated them', async () => {
    await addRun(client, { answers: [{ systemId: first, state: 'error' }] })
    await remove({ results: true })
    const { rows } = await client.query('SELECT attributes FROM job_runs')
    expect(rows).toEqual([{ attributes: { removed_systems: { [first]: 'production-system-1' } } }])
  })
})

describe('nothing is removed', () => {
  it('where a name is unknown: the nearest one, or its environment, is named', async () => {
    expect(await refusal({ names: ['production-system-1', 'staging-systen-1'] })).toMatch(
      /^there is no system "staging-systen-1".*staging-system-1/,
    )
    expect(await refusal({ names: ['staging-system-1'], environment: 'production' })).toBe(
      'there is no system "staging-system-1" in the environment "production"; it is in "staging"',
    )
    expect(await count('systems')).toBe(3)
  })

  it('where results, rows of other programs and a running run are in the way: all are named', async () => {
    const run = await addRun(client, {
      status: 'running',
      answers: [{ systemId: first, controlIds: [control] }],
    })
    await client.query('CREATE TABLE tickets (s int REFERENCES systems ON DELETE CASCADE)')
    await client.query('INSERT INTO tickets VALUES ($1), ($1)', [first])
    expect((await refusal({})).split('\n')).toEqual([
      `run ${run} is running and includes 1 system of these: wait for its end (the next run of its environment closes one whose process has died)`,
      'system "production-system-1" has 1 result: add --results to remove them too (runs keep their counts)',
      '2 rows of table tickets refer to systems: remove them by the program that made them',
      'nothing was removed',
    ])
    expect([await count('systems'), await count('tickets')]).toEqual([3, 2])
  })

  it('where a trigger keeps rows without an error', async () => {
    await client.query(`
      CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep BEFORE DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION keep()`)
    expect(await refusal({})).toMatch(/^1 row of table evidence could not be removed \(a trigger or a policy/)
    await client.query('DROP FUNCTION keep CASCADE')
    expect(await count('systems')).toBe(3)
  })
})

it('a pattern has a star or a question mark', () => {
  expect(['a*', 'a?', 'a-b', 'a_b%'].map(isPattern)).toEqual([true, true, false, false])
})
