import { expect, it } from 'vitest'
import { recordPages } from '../../../../job-image/db/record/run-pages.ts'
import type { RecordPage } from '../../../../job-image/db/record/run-pages.ts'
import { createDatabase } from '../../../support/database.ts'
import { addRun, controlIds } from '../../../support/history.ts'
import { seedWorld } from '../../../support/world.ts'

const { client } = await createDatabase()
const systems = await seedWorld(client, { systems: 101, controls: ['AC-1'], evidence: [] })
const controls = await controlIds(client)

async function pages(run: number, system?: string): Promise<RecordPage[]> {
  const found = []
  for await (const page of recordPages(client, run, system)) found.push(page)
  return found
}

it('the records of a run come in pages of 50 systems, each system once, by id', async () => {
  await addRun(client, { daysAgo: 1, answers: [{ systemId: systems[0]!, controlIds: controls }] })
  const run = await addRun(client, {
    answers: systems.toReversed().map((systemId) => ({ systemId, controlIds: controls })),
  })
  const found = await pages(run)
  expect(found.map((page) => page.systems.length)).toEqual([50, 50, 1])
  expect(found.flatMap((page) => page.systems.map(({ systemId }) => systemId))).toEqual(systems)
  expect(found.flatMap((page) => [...page.records.keys()]).toSorted((a, b) => a - b)).toEqual(systems)
  expect(found.every(({ records }) => [...records.values()].every(({ runId }) => runId === run))).toBe(true)
})

it('a system that could not be evaluated is there with its error, without a record', async () => {
  const [one = 0, two = 0, three = 0] = systems
  const run = await addRun(client, {
    answers: [
      { systemId: one, state: 'error' },
      { systemId: two, controlIds: controls },
      { systemId: three, state: 'pending' },
    ],
  })
  const [page, ...others] = await pages(run)
  expect(others).toEqual([])
  expect(page?.systems).toEqual([
    { systemId: one, name: 'production-system-1', error: 'broken' },
    { systemId: two, name: 'production-system-2', error: null },
  ])
  expect([...page!.records.keys()]).toEqual([two])
  const [alone] = await pages(run, 'production-system-2')
  expect(alone?.systems.map(({ systemId }) => systemId)).toEqual([two])
  expect(await pages(run, 'production-system-3')).toEqual([])
  expect(await pages(run + 1)).toEqual([])
})

it('a system that was deleted has no name; its record is there', async () => {
  const gone = systems.at(-1)!
  const run = await addRun(client, { answers: [{ systemId: gone, controlIds: controls }] })
  await client.query('TRUNCATE validation_results')
  await client.query('DELETE FROM systems WHERE id = $1', [gone])
  const [page] = await pages(run)
  expect(page?.systems).toEqual([{ systemId: gone, name: null, error: null }])
  expect(page?.records.get(gone)).toMatchObject({ runId: run })
})
