import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunOptions } from '../../../job-image/run/options.ts'
import { createDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/proxy.ts'
import { ABANDON_AFTER, runRequest } from '../../support/request.ts'
import { attemptSession, expectExactlyOnce, runSessions, storedRun } from '../../support/run-check.ts'
import { watchRun } from '../../support/watch-run.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url, name } = await createDatabase()
const SYSTEMS = 12
const RESULTS = SYSTEMS * 1007
await seedWorld(client, { systems: SYSTEMS })
const port = Number(new URL(url).port)

let keys = 0
const newKey = (): string => `key-${(keys += 1)}`

/** Makes each batch take a while, so that there is a middle of one. */
async function slowBatches<T>(seconds: number, work: () => Promise<T>): Promise<T> {
  await client.query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(${seconds}); RETURN NULL; END $$;
     CREATE TRIGGER slow AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION slow()`,
  )
  try {
    return await work()
  } finally {
    await client.query('DROP FUNCTION slow CASCADE')
  }
}

describe('a connection that is lost', () => {
  // Bytes from the client: about 300 KB is in the middle of the first COPY, 2 MB near the end of the run.
  it.each([2_000, 30_000, 300_000, 1_500_000])(
    'after %i bytes, over and over: no row is lost or doubled',
    async (bytes) => {
      let cuts = 0
      const proxy = await startProxy(port, (total) => {
        if (total < bytes * (cuts + 1) || cuts >= 4) return
        cuts += 1
        proxy.drop()
      })
      const runKey = newKey()
      await executeRun(runRequest(proxy.through(url), { runKey, batchSize: 4 }))
      expect(cuts).toBeGreaterThan(0)
      await expectExactlyOnce(client, runKey, RESULTS)
    },
  )

  it('while the server is away for a second: the run goes on', async () => {
    const proxy = await startProxy(port)
    const runKey = newKey()
    const { observer, saw, events } = watchRun()
    await slowBatches(0.1, async () => {
      const run = executeRun(runRequest(proxy.through(url), { runKey, batchSize: 3, observer }))
      await saw('progress')
      proxy.cut()
      await sleep(1_000)
      proxy.restore()
      await run
    })
    await expectExactlyOnce(client, runKey, RESULTS)
    expect(events.some(({ type }) => type === 'retrying')).toBe(true)
  })

  it('for good: the run breaks, its row is closed by the next run', async () => {
    const proxy = await startProxy(port)
    const runKey = newKey()
    const { observer, saw, events } = watchRun()
    const request: RunOptions = runRequest(proxy.through(url), { runKey, batchSize: 3, observer })
    const lost = slowBatches(0.1, () =>
      executeRun({ ...request, timing: { ...request.timing, outage: 700 } }),
    )
    lost.catch(() => undefined)
    await saw('progress')
    proxy.cut()
    await expect(lost).rejects.toThrow(/cannot be reached|ECONN|terminated/)
    expect(events.at(-1)).toMatchObject({
      type: 'warning',
      message: expect.stringMatching(/next run closes it/) as string,
    })
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'running' })
    await sleep(ABANDON_AFTER)
    await executeRun(runRequest(url))
    expect(await storedRun(client, runKey)).toMatchObject({ status: 'failed', finished: true })
    await executeRun(runRequest(url, { runKey }))
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it('because the server ended it in the middle of COPY: the run goes on', async () => {
    const runKey = newKey()
    const { observer, saw, events } = watchRun()
    await slowBatches(0.3, async () => {
      const run = executeRun(runRequest(url, { runKey, batchSize: 6, observer }))
      await saw('planned')
      const opened = events.find((event) => event.type === 'opened')
      for (let kill = 0; kill < 2; kill += 1) {
        await sleep(150)
        await client.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
          [await attemptSession(client, opened?.type === 'opened' ? opened.runId : 0, 1)],
        )
      }
      await run
    })
    expect(events.some(({ type }) => type === 'retrying')).toBe(true)
    await expectExactlyOnce(client, runKey, RESULTS)
  })
})

describe('a connection that goes silent', () => {
  it('for a second: the run goes on where it was', async () => {
    const proxy = await startProxy(port)
    const runKey = newKey()
    const { observer, saw } = watchRun()
    const run = executeRun(runRequest(proxy.through(url), { runKey, batchSize: 3, observer }))
    await saw('progress')
    proxy.freeze()
    await sleep(1_000)
    proxy.restore()
    await run
    await expectExactlyOnce(client, runKey, RESULTS)
  })

  it('for ever, once the server has ended it: the run goes on with a new one', async () => {
    const proxy = await startProxy(port)
    const runKey = newKey()
    const { observer, saw } = watchRun()
    await slowBatches(0.1, async () => {
      const run = executeRun(runRequest(proxy.through(url), { runKey, batchSize: 3, observer }))
      await saw('progress')
      proxy.freeze('existing')
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`,
        [name],
      )
      await run
    })
    // A session that was logging in when the others were ended hangs behind the frozen proxy, not behind the program.
    proxy.drop()
    await expectExactlyOnce(client, runKey, RESULTS)
  }, 20_000)
})

describe('a server that has no room', () => {
  it('for another connection: the run waits and goes on', async () => {
    await client.query(
      `ALTER DATABASE ${name} CONNECTION LIMIT 0; CREATE ROLE limited LOGIN PASSWORD 'not-a-secret'`,
    )
    await client.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO limited;
       GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO limited`,
    )
    const limited = Object.assign(new URL(url), { username: 'limited', password: 'not-a-secret' }).toString()
    const runKey = newKey()
    const { observer, saw } = watchRun()
    try {
      const run = executeRun(runRequest(limited, { runKey, observer }))
      await saw('retrying')
      await client.query(`ALTER DATABASE ${name} CONNECTION LIMIT -1`)
      await run
      await expectExactlyOnce(client, runKey, RESULTS)
    } finally {
      await client.query(
        `ALTER DATABASE ${name} CONNECTION LIMIT -1; DROP OWNED BY limited; DROP ROLE limited`,
      )
    }
  })

  it('no session is left behind by any of these', async () => {
    await expect.poll(() => runSessions(client), { timeout: 5_000 }).toBe(0)
  })
})
