import { createHmac } from 'node:crypto'
import { beforeAll, expect, inject, it } from 'vitest'
import { snakeKeys } from '../../common/snake-case.ts'
import { describeWithCluster } from '../cluster/namespace.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { HANG, OK, startReceiver } from '../support/receiver.ts'
import type { Receiver } from '../support/receiver.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { seedWorld } from '../support/world.ts'
import { CONTROLS, DATABASE, PATIENCE, runToEnd } from './runs.ts'
import type { LastRun, Run } from './runs.ts'
import { useRelease } from './release.ts'

const SECRET = 'canary-of-the-signature'
const SYSTEMS = 2

describeWithCluster('notifications of runs in pods', () => {
  const release = useRelease('e2e-notices')
  /** The address at which pods reach this machine. */
  const address = (): string => new URL(inject('postgresUrl')).hostname
  beforeAll(async () => {
    const { here, database } = release
    await seedWorld(database.client, { systems: SYSTEMS })
    await here.admin.core.createNamespacedSecret({
      namespace: here.name,
      body: { metadata: { name: 'rapidrmf-notify' }, stringData: { signature: SECRET } },
    })
  })

  /** Makes a run of a schedule whose configuration has one sink. */
  const runWithSink = async (name: string, url: string): Promise<Run & { readonly lastRun: LastRun }> => {
    const { here, schedules } = release
    const sink = {
      name: 'pager',
      type: 'webhook',
      on: ['always'],
      url,
      secret: '${SIGNATURE}',
      timeout: 2,
      allow_private_addresses: true,
    }
    // JSON is valid YAML.
    const config = JSON.stringify({ environments: { production: {} }, notifications: [sink] })
    await here.admin.core.createNamespacedConfigMap({
      namespace: here.name,
      body: { metadata: { name }, data: { 'config.yaml': config } },
    })
    const env = [
      { name: 'SIGNATURE', valueFrom: { secretKeyRef: { name: 'rapidrmf-notify', key: 'signature' } } },
    ]
    await schedules.create(name, {
      database: DATABASE,
      config: { configMapKeyRef: { name, key: 'config.yaml' } },
      job: { backoffLimit: 0, pod: { env } },
    })
    return runToEnd(release, name)
  }
  const outboxOf = async (uid: string): Promise<unknown[]> => {
    const { rows } = await release.database.client.query(
      `SELECT o.attempts, o.sent_at IS NOT NULL AS sent, o.next_try_at IS NOT NULL AS waits, o.last_error
         FROM notification_outbox o JOIN job_runs r ON r.id = o.job_run_id WHERE r.run_key = $1`,
      [uid],
    )
    return rows
  }

  it('reach a webhook once, signed with the key of a Secret that is visible nowhere else', async () => {
    const receiver = await startReceiver(OK, undefined, address())
    const { lastRun, uid, job } = await runWithSink('notified', `${receiver.url}/hook`)
    const [request] = await until(
      'the notification',
      () => (receiver.requests.length > 0 ? receiver.requests : undefined),
      PATIENCE,
    )
    const { body = '', headers, path } = request ?? {}
    expect(path).toBe('/hook')
    const [, seconds, digest] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers?.['rapidrmf-signature'])) ?? []
    expect(digest).toBe(createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex'))
    expect(Math.abs(Date.now() / 1000 - Number(seconds))).toBeLessThan(60)
    expect(JSON.parse(body)).toMatchObject({
      type: 'io.rapidrmf.run.finished',
      subject: `runs/${lastRun.runId}`,
      data: {
        run: { run_key: uid, verdict: 'Findings', schedule: 'notified', counts: snakeKeys(lastRun.counts) },
      },
    })
    expect(receiver.requests).toHaveLength(1)
    await until('its row', async () => {
      const [row] = (await outboxOf(uid)) as { readonly sent: boolean }[]
      return row?.sent === true ? true : undefined
    })
    const seen = [
      await release.kubectl('logs', `job/${job}`),
      await release.kubectl('get', 'vsched,jobs,pods,cronjobs,events', '--output=json'),
      JSON.stringify((await release.database.client.query('SELECT payload FROM notification_outbox')).rows),
    ]
    for (const text of seen) expect(text).not.toContain(SECRET)
  })

  it.each<[string, () => Promise<Pick<Receiver, 'url'>>]>([
    // No program listens on port 1.
    ['refuses', () => Promise.resolve({ url: `http://${address()}:1` })],
    ['never answers', () => startReceiver(HANG, undefined, address())],
  ])('wait in the outbox while the sink %s, and the run is not affected', async (what, start) => {
    const { url } = await start()
    const name = `sink-${what.replaceAll(' ', '-')}`
    const { lastRun, uid, job } = await runWithSink(name, url)
    expect(lastRun).toMatchObject({ verdict: 'Findings', counts: { systems: SYSTEMS } })
    await expectExactlyOnce(release.database.client, uid, SYSTEMS * CONTROLS)
    const { status } = await release.here.admin.batch.readNamespacedJob({
      namespace: release.here.name,
      name: job,
    })
    expect(status).toMatchObject({ succeeded: 1 })
    expect(status?.failed ?? 0).toBe(0)
    expect(await outboxOf(uid)).toEqual([
      { attempts: 1, sent: false, waits: true, last_error: expect.stringMatching(/\w/) },
    ])
  })
})
