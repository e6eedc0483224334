import { expect, it } from 'vitest'
import { executeRun } from '../../job-image/run/job.ts'
import { createDatabase } from '../support/database.ts'
import { startProxy } from '../support/proxy.ts'
import { runRequest } from '../support/request.ts'
import { watchRun } from '../support/watch-run.ts'
import { seedWorld } from '../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 20 })

it('a server that goes silent for good: the run breaks instead of waiting without end', async () => {
  const proxy = await startProxy(Number(new URL(url).port))
  const { observer, saw } = watchRun()
  const request = runRequest(proxy.through(url), { batchSize: 1, observer })
  const run = executeRun({ ...request, timing: { ...request.timing, outage: 1_000 } })
  run.catch(() => undefined)
  await saw('progress')
  proxy.freeze()
  await expect(run).rejects.toThrow(/cannot be reached|Connection terminated/)
}, 60_000)
