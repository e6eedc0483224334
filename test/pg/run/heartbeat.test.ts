import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { startHeartbeat } from '../../../job-image/run/heartbeat.ts'
import type { HeartbeatOptions } from '../../../job-image/run/heartbeat.ts'
import { Session } from '../../../job-image/run/session.ts'
import { createDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/proxy.ts'

const { client, name, url } = await createDatabase()
const crowded = `crowded_${name}`
await client.query(`CREATE ROLE ${crowded} LOGIN PASSWORD 'not-a-secret' CONNECTION LIMIT 0`)
afterAll(() => client.query(`DROP ROLE ${crowded}`))

const pidOf = (session: Session): Promise<number | undefined> =>
  session.run(async (worker) => {
    const { rows } = await worker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    return rows[0]?.pid
  })

const heartbeat = (worker: Session, target: string, options: Partial<HeartbeatOptions> = {}) =>
  startHeartbeat({
    target: { url: target },
    attempt: { run: { id: 1, run_key: null, reference_time: null }, attempt: 1, worker: 'w' },
    interval: 20,
    outage: 200,
    workers: [worker],
    lost: worker.lost,
    onError: () => {},
    ...options,
  })

it('a session is severed by the number of its own server process only', async () => {
  const session = new Session({ url }, 5_000)
  const first = await pidOf(session)
  session.sever((first ?? 0) + 1)
  expect(await pidOf(session)).toBe(first)
  session.sever(first ?? 0)
  const second = await pidOf(session)
  expect(second).not.toBe(first)
  await session.close()
})

it('a server that refuses the heartbeat a connection has answered: the worker keeps its own', async () => {
  const worker = new Session({ url }, 5_000)
  const pid = await pidOf(worker)
  const refused: string[] = []
  const full = Object.assign(new URL(url), { username: crowded, password: 'not-a-secret' }).toString()
  const beating = heartbeat(worker, full, { onError: ({ message }) => void refused.push(message) })
  await expect.poll(() => refused.length, { timeout: 10_000 }).toBeGreaterThan(5)
  await sleep(300)
  await beating.stop()
  expect(refused[0]).toMatch(/too many connections/)
  expect(await pidOf(worker)).toBe(pid)
  await worker.close()
})

it('a server that says nothing at all for longer than an outage: the worker tries anew', async () => {
  const proxy = await startProxy(Number(new URL(url).port))
  const worker = new Session({ url: proxy.through(url) }, 5_000)
  const pid = await pidOf(worker)
  // The worker waits for an answer that never comes; later connections are served.
  const working = worker.run(async (session) => {
    const { rows } = await session.query<{ pid: number }>(
      'SELECT pg_backend_pid() AS pid, pg_sleep(CASE WHEN pg_backend_pid() = $1 THEN 0.2 ELSE 0 END)',
      [pid],
    )
    return rows[0]?.pid
  })
  proxy.freeze('existing')
  // A session that is severed must have time to connect again before the next heartbeat.
  const beating = heartbeat(worker, 'postgresql://nobody@127.0.0.1:1/nothing', { interval: 1_000 })
  expect(await working).not.toBe(pid)
  await beating.stop()
  await worker.close()
})

it('a server that has no process of the worker any more: the worker tries anew', async () => {
  const proxy = await startProxy(Number(new URL(url).port))
  const worker = new Session({ url: proxy.through(url) }, 5_000)
  const pid = await pidOf(worker)
  await client.query(
    `INSERT INTO job_runs (id, job_type, environment, status, started_at) VALUES (1, 'validation', 'e', 'running', now());
     INSERT INTO job_run_attempts (job_run_id, attempt, worker, host, started_at, heartbeat_at)
     VALUES (1, 1, 'w', 'h', now(), now())`,
  )
  proxy.freeze('existing')
  await client.query('SELECT pg_terminate_backend($1, 5000)', [pid])
  const working = pidOf(worker)
  const beating = heartbeat(worker, url, { outage: 60_000 })
  expect(await working).not.toBe(pid)
  await beating.stop()
  await worker.close()
})
