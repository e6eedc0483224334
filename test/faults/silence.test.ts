import { describe, expect, it } from 'vitest'
import { executeRun } from '../../job-image/run/job.ts'
import { createDatabase } from '../support/database.ts'
import { startProxy } from '../support/proxy.ts'
import { runRequest } from '../support/request.ts'
import { expectExactlyOnce, runSessions } from '../support/run-check.ts'
import { watchRun } from '../support/watch-run.ts'
import { seedWorld } from '../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 20
await seedWorld(client, { systems: SYSTEMS })

it('a run fails instead of waiting for ever when the server stops responding', async () => {
  const proxy = await startProxy(Number(new URL(url).port))
  const { observer, saw } = watchRun()
  const request = runRequest(proxy.through(url), { batchSize: 1, observer })
  const run = executeRun({ ...request, timing: { ...request.timing, outage: 1_000 } })
  run.catch(() => undefined)
  await saw('progress')
  proxy.freeze()
  await expect(run).rejects.toThrow(/cannot be reached|Connection terminated/)
  proxy.drop()
}, 60_000)

describe('a connection that stalls during a COPY while others work', () => {
  it.each([1, 2])('of %i lanes: the run ends its own session and continues', async (concurrency) => {
    const runKey = `stalled ${concurrency}`
    let stalled = false
    const proxy = await startProxy(Number(new URL(url).port), (total) => {
      if (stalled || total < 400_000) return
      stalled = true
      proxy.freeze('existing')
    })
    const { events, observer } = watchRun()
    const request = runRequest(proxy.through(url), { runKey, concurrency, observer })
    const timing = { ...request.timing, outage: 120_000, abandonAfter: 600_000 }
    expect(await executeRun({ ...request, timing })).toMatchObject({ status: 'success' })
    expect(events).toContainEqual(expect.objectContaining({ type: 'retrying' }))
    await expectExactlyOnce(client, runKey, SYSTEMS * 1007)
    proxy.drop()
  })
})

describe('a connection that ends only on the side of the client, during a COPY', () => {
  it.each([1, 2])('of %i lanes: the run ends its old session and continues', async (concurrency) => {
    const runKey = `forsaken ${concurrency}`
    let forsaken = false
    const proxy = await startProxy(Number(new URL(url).port), (total) => {
      // Cuts within the results of a batch; only a few statements come before.
      if (forsaken || total < 400_000) return
      forsaken = true
      proxy.forsake()
    })
    const { events, observer } = watchRun()
    const request = runRequest(proxy.through(url), { runKey, concurrency, observer })
    // The abandon limit is longer than this test, so that no other worker takes the work.
    const timing = { ...request.timing, abandonAfter: 600_000 }
    expect(await executeRun({ ...request, timing })).toMatchObject({ status: 'success' })
    expect(events).toContainEqual(expect.objectContaining({ type: 'retrying' }))
    await expectExactlyOnce(client, runKey, SYSTEMS * 1007)
    await expect.poll(() => runSessions(client), { timeout: 5_000 }).toBe(0)
  })
})
