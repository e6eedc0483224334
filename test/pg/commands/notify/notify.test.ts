import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { executeRun } from '../../../../job-image/run/job.ts'
import { createDatabase } from '../../../support/database.ts'
import { startCli } from '../../../support/process.ts'
import type { ProcessResult } from '../../../support/process.ts'
import { HANG, OK, startReceiver } from '../../../support/receiver.ts'
import type { Receiver } from '../../../support/receiver.ts'
import { runRequest } from '../../../support/request.ts'
import { storedRun } from '../../../support/run-check.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { letTimePass, outbox, webhookSink } from '../../../support/sinks.ts'
import { seedWorld } from '../../../support/world.ts'

/** Secrets that would be noticed anywhere. */
const SECRETS = {
  HOOK_SECRET: 'canary-signing-key',
  HOOK_TOKEN: 'canary-bearer-token',
  HOOK_PATH: 'canary-path',
  SMTP_PASSWORD: 'canary-mail-password',
}

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 2, controls: ['AC-2', 'AU-2', 'CM-6'] })
const folder = createFolder()
const receiver = await startReceiver()

function writeConfig(target: Receiver = receiver, more = ''): void {
  folder.write(
    'config.yaml',
    `environments: { production: {}, staging: {} }
notifications:
  - name: ops
    type: webhook
    on: [always]
    timeout: 2
    grace: 0
    allow_private_addresses: true
    url: ${target.url}/\${HOOK_PATH}
    secret: \${HOOK_SECRET}
    headers: { Authorization: "Bearer \${HOOK_TOKEN}" }
${more}`,
  )
}
writeConfig()

const rapidrmf = (args: readonly string[], env: Record<string, string> = SECRETS) =>
  startCli(args, { cwd: folder.path, env: { DATABASE_URL: url, RAPIDRMF_OUTAGE: '2', ...env } })

/** No secret in what a process said, nor anywhere in the database. */
async function expectNoSecret(...results: readonly ProcessResult[]): Promise<void> {
  const { rows } = await client.query<{ text: string | null }>(
    `SELECT string_agg(o::text, ' ') AS text FROM notification_outbox o
     UNION ALL SELECT string_agg(r::text, ' ') FROM job_runs r
     UNION ALL SELECT string_agg(a::text, ' ') FROM job_run_attempts a`,
  )
  const said = results.flatMap(({ stdout, stderr }) => [stdout, stderr])
  expect([...said, ...rows.map(({ text }) => text ?? '')].join('\n')).not.toContain('canary')
}

afterEach(async () => {
  await expectNoSecret()
  await client.query('DELETE FROM job_runs')
  receiver.requests.length = 0
  receiver.behave = OK
  writeConfig()
})

/** Runs whose notices nobody took; they are due. */
async function leaveNotices(count: number): Promise<void> {
  const notifications = [webhookSink('http://127.0.0.1:1')]
  for (let run = 0; run < count; run += 1) await executeRun(runRequest(url, { notifications }))
  await letTimePass(client)
}

const idsOf = (): string[] => receiver.requests.map(({ body }) => (JSON.parse(body) as { id: string }).id)

describe('a process that is killed', () => {
  it('between the end of its run and the answer leaves the notice to the next one', async () => {
    receiver.behave = HANG
    const run = rapidrmf(['scheduler', 'once', '--run-key', 'killed', '--summary-file', 'summary.json'])
    await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(1)
    run.kill('SIGKILL')
    expect((await run.ended).signal).toBe('SIGKILL')
    expect(await storedRun(client, 'killed')).toMatchObject({ status: 'success', finished: true })
    // In a pod this is the termination message: it does not wait for receivers.
    const summary: unknown = JSON.parse(readFileSync(join(folder.path, 'summary.json'), 'utf8'))
    expect(summary).toMatchObject({ runKey: 'killed', final: true, status: 'success' })
    expect(await outbox(client)).toMatchObject([{ waiting: true, sent: false }])

    receiver.behave = OK
    const flushed = await rapidrmf(['notify', 'flush', '--json']).ended
    expect([flushed.code, flushed.stderr]).toEqual([0, ''])
    expect(JSON.parse(flushed.stdout)).toMatchObject([{ sink: 'ops', outcome: 'sent', trigger: 'always' }])
    const [first, second] = idsOf()
    expect(second).toBe(first)
    expect(await outbox(client)).toMatchObject([{ sent: true, event_id: first }])
    await expectNoSecret(flushed)
  })
})

describe('senders that are killed again and again', () => {
  it('lose no notice, and repeat at most the one under way', async () => {
    await leaveNotices(6)
    receiver.behave = (response) => void setTimeout(() => response.end(), 120)
    let kills = 0
    for (;;) {
      const flush = rapidrmf(['notify', 'flush'])
      // Its first notice goes out some time after the start; from then on it is killed anywhere.
      const before = receiver.requests.length
      const timer = setInterval(() => {
        if (receiver.requests.length === before) return
        clearInterval(timer)
        setTimeout(() => flush.kill('SIGKILL'), Math.random() * 200)
      }, 5)
      const { signal } = await flush.ended
      clearInterval(timer)
      if (signal !== 'SIGKILL') break
      kills += 1
    }
    expect(kills).toBeGreaterThan(0)
    expect(new Set(idsOf()).size).toBe(6)
    expect(receiver.requests.length).toBeLessThanOrEqual(6 + kills)
    expect((await outbox(client)).every(({ sent }) => sent)).toBe(true)
  }, 300_000)
})

describe('two processes that flush at once', () => {
  it('send each notice once', async () => {
    await leaveNotices(4)
    receiver.behave = (response) => void setTimeout(() => response.end(), 100)
    const flushes = await Promise.all([1, 2].map(() => rapidrmf(['notify', 'flush']).ended))
    expect(flushes.map(({ code }) => code)).toEqual([0, 0])
    expect(new Set(idsOf()).size).toBe(4)
    expect(receiver.requests).toHaveLength(4)
    expect((await outbox(client)).every(({ sent }) => sent)).toBe(true)
    await expectNoSecret(...flushes)
  })
})

describe('a run whose notices do not go out', () => {
  it('exits as it would, says why, and keeps every secret', async () => {
    // It answers with all that it got, as an error.
    const echo = await startReceiver((response, request) =>
      response.writeHead(500).end(JSON.stringify({ headers: request.headers, url: request.url })),
    )
    writeConfig(
      echo,
      `  - { name: missing, type: webhook, on: [always], url: "https://x.example/", secret: "\${NOWHERE}" }
  - { name: chat, type: slack, on: [always], url: "${echo.url}/services/\${HOOK_PATH}", allow_private_addresses: true }
  - name: mail
    type: email
    on: [always]
    allow_private_addresses: true
    host: 127.0.0.1
    port: 1
    user: robot
    password: \${SMTP_PASSWORD}
    from: rapidrmf@example.org
    to: grc@example.org
`,
    )
    const run = await rapidrmf(['scheduler', 'once', '--run-key', 'told', '--summary-file', 'told.json'])
      .ended
    expect(run.code).toBe(0)
    expect(run.stdout).toMatch(/^Run \d+: Passed/)
    expect(run.stderr).toMatch(
      /warning: the notice of run \d+ for "ops" could not be sent: 127\.0\.0\.1: answered 500;/,
    )
    expect(run.stderr).toMatch(/for "chat" could not be sent: 127\.0\.0\.1: answered 500;/)
    expect(run.stderr).toMatch(/for "mail" could not be sent: 127\.0\.0\.1: refused the connection;/)
    expect(run.stderr).toMatch(
      /notices for "missing" could not be sent: config\.yaml:\d+:\d+: notifications\.1\.secret: the environment variable NOWHERE is not set/,
    )
    expect(await storedRun(client, 'told')).toMatchObject({ status: 'success' })

    const listed = await rapidrmf(['notify', 'list', '--json']).ended
    const notices = JSON.parse(listed.stdout) as { sink: string; state: string; attempts: number }[]
    expect(notices.map(({ sink, state, attempts }) => `${sink} ${state} ${attempts}`).sort()).toEqual([
      'chat pending 1',
      'mail pending 1',
      'missing pending 0',
      'ops pending 1',
    ])
    const table = await rapidrmf(['notify', 'list', '--state', 'pending']).ended
    expect(table.stdout).toContain('NOWHERE is not set')
    const flushed = await rapidrmf(['notify', 'flush', '--now']).ended
    expect(flushed.code).toBe(1)
    expect(flushed.stdout).toMatch(/ops .* failed .* answered 500/)
    await expectNoSecret(run, listed, table, flushed)
    expect(readFileSync(`${folder.path}/told.json`, 'utf8')).not.toContain('canary')
    // The secrets did what they are for.
    const [request] = echo.requests.filter(({ headers }) => headers.authorization !== undefined)
    expect(request?.headers.authorization).toBe('Bearer canary-bearer-token')
  })
})

describe('a name that DNS never answers', () => {
  it('holds the process up for no longer than the sink’s timeout', async () => {
    // As a look-up that the system does not give up: nothing can cancel it, and it keeps the process alive.
    folder.write(
      'silent-dns.mjs',
      `import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'
dns.lookup = () => new Promise(() => setTimeout(() => {}, 60_000))
syncBuiltinESMExports()
`,
    )
    writeConfig(Object.assign({ ...receiver }, { url: 'https://hooks.example' }))
    const start = performance.now()
    const { code, stderr } = await rapidrmf(['scheduler', 'once'], {
      ...SECRETS,
      NODE_OPTIONS: `--import ${folder.path}/silent-dns.mjs`,
    }).ended
    expect(performance.now() - start).toBeLessThan(12_000)
    expect(code).toBe(0)
    expect(stderr).toContain('hooks.example: did not answer within 2 s')
  })
})

describe('a run whose process died', () => {
  /** A run with the sink "ops" whose process was killed an hour ago, after it had planned. */
  async function leaveDeadRun(environment: string): Promise<number> {
    const stop = new AbortController()
    const request = runRequest(url, {
      environment,
      notifications: [
        webhookSink('http://127.0.0.1:1', { environments: [environment], on: ['errored'], grace: 0 }),
      ],
      signal: stop.signal,
      observer: ({ type }) => void (type === 'planned' && stop.abort()),
    })
    await executeRun(request).catch(() => undefined)
    const { rows } = await client.query<{ id: number }>(
      `UPDATE job_runs SET status = 'running', finished_at = NULL, error = NULL, verdict = NULL
        WHERE run_key = $1 RETURNING id`,
      [request.runKey],
    )
    const { id } = rows[0]!
    await client.query(
      `UPDATE job_run_attempts SET ended_at = NULL, outcome = NULL, error = NULL, heartbeat_at = heartbeat_at - interval '1 hour'
        WHERE job_run_id = $1`,
      [id],
    )
    await client.query('DELETE FROM notification_outbox')
    return id
  }

  it('has its notice left by a process without sinks, and sent by the next one that has the sink', async () => {
    const dead = await leaveDeadRun('production')
    const config = readFileSync(join(folder.path, 'config.yaml'), 'utf8')
    folder.write('config.yaml', 'environments: { production: {}, staging: {} }\n')
    expect((await rapidrmf(['scheduler', 'once']).ended).code).toBe(0)
    expect(await outbox(client)).toMatchObject([
      { job_run_id: dead, sink: 'ops', trigger: 'errored', waiting: true, attempts: 0 },
    ])
    folder.write('config.yaml', config)
    expect((await rapidrmf(['notify', 'flush']).ended).code).toBe(0)
    expect(receiver.requests.map(({ body }) => JSON.parse(body) as object)).toMatchObject([
      { type: 'io.rapidrmf.run.errored', subject: `runs/${dead}` },
    ])
  })

  it('is marked as silent, and closed by a flush although nobody runs its environment any more', async () => {
    await client.query(`INSERT INTO systems (name, environment, created_at, attributes)
                        VALUES ('left-behind', 'staging', now(), '{}')`)
    const dead = await leaveDeadRun('staging')
    const list = await rapidrmf(['runs', 'list', '-o', 'wide']).ended
    const hint =
      /running .*silent since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: .*"rapidrmf notify flush" closes it/
    expect(list.stdout).toMatch(hint)
    const show = await rapidrmf(['runs', 'show', String(dead)]).ended
    expect(show.stdout).toMatch(/Status +running\nWarning +silent since /)
    const json = await rapidrmf(['runs', 'list', '--json']).ended
    expect(JSON.parse(json.stdout)).toMatchObject([
      { id: dead, status: 'running', silent_since: expect.stringMatching(/^\d{4}-.*Z$/) as string },
    ])

    const flush = await rapidrmf(['notify', 'flush', '--json']).ended
    expect([flush.code, flush.stderr]).toEqual([0, ''])
    expect(JSON.parse(flush.stdout)).toMatchObject([{ sink: 'ops', run_id: dead, outcome: 'sent' }])
    const after = await rapidrmf(['runs', 'list', '--json']).ended
    expect(JSON.parse(after.stdout)).toMatchObject([{ id: dead, status: 'failed', silent_since: null }])
  })
})

describe('notify flush', () => {
  it('sends for the environment that is asked for, and for all otherwise', async () => {
    await leaveNotices(1)
    const other = await rapidrmf(['notify', 'flush', '--env', 'staging']).ended
    expect([other.code, other.stderr]).toEqual([0, 'nothing is due\n'])
    const { code, stdout } = await rapidrmf(['notify', 'flush', '--json']).ended
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual([
      {
        sink: 'ops',
        outcome: 'sent',
        event_id: idsOf()[0],
        run_id: expect.any(Number) as number,
        trigger: 'always',
        error: null,
      },
    ])
  })
})

describe('notify test', () => {
  it('tries every sink and says what happened', async () => {
    writeConfig(receiver, `  - { name: chat, type: slack, on: [errored], url: "https://127.0.0.1:1/x" }\n`)
    const { code, stdout, stderr } = await rapidrmf(['notify', 'test', '--json'], SECRETS).ended
    expect([code, stderr]).toEqual([1, ''])
    expect(JSON.parse(stdout)).toEqual([
      { sink: 'ops', type: 'webhook', outcome: 'sent', error: null },
      {
        sink: 'chat',
        type: 'slack',
        outcome: 'failed',
        error: expect.stringContaining('is at a private address') as string,
      },
    ])
    const event = JSON.parse(receiver.requests[0]?.body ?? '') as Record<string, unknown>
    expect(event).toMatchObject({ type: 'io.rapidrmf.run.test', source: '/rapidrmf/environments/production' })
    expect(await outbox(client)).toEqual([])
    expect(stdout).not.toContain('canary')
  })

  it('says so when a receiver answers with another protocol', async () => {
    const switching = await startReceiver((response) => {
      response.socket?.end('HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n')
    })
    writeConfig(switching)
    const { code, stdout } = await rapidrmf(['notify', 'test', '--json']).ended
    writeConfig()
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject([
      { outcome: 'failed', error: expect.stringMatching(/answered 101/) },
    ])
  })

  const at = (...argv: string[]) =>
    runArgv(['notify', ...argv], { cwd: folder.path, env: { ...SECRETS, DATABASE_URL: url } })

  it('tries one, and knows the names', async () => {
    expect(await at('test', 'ops')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/ops .* webhook .* sent/),
    })
    expect(await at('test', 'oops')).toMatchObject({
      code: 2,
      err: expect.stringContaining('config.yaml: there is no sink "oops" here; did you mean "ops"?'),
    })
    expect(await at('test', '--env', 'nowhere')).toMatchObject({ code: 2 })
  })

  it('says which variable is missing', async () => {
    const { code, out } = await runArgv(['notify', 'test', '--json'], { cwd: folder.path, env: {} })
    expect(code).toBe(1)
    expect(out).toMatch(/HOOK_PATH is not set/)
  })

  it('and the others say so where there is nothing', async () => {
    folder.write('none.yaml', 'environments: { production: {} }\n')
    expect(await at('flush', '--config', 'none.yaml')).toMatchObject({
      code: 2,
      err: expect.stringContaining('there are no sinks under "notifications"'),
    })
    expect(await at('flush')).toEqual({ code: 0, out: '', err: 'nothing is due\n' })
    expect(await at('list')).toMatchObject({ code: 0, err: 'no notices\n' })
  })
})

describe('docs/notifications.md', () => {
  const DOCS = readFileSync(new URL('../../../../docs/notifications.md', import.meta.url), 'utf8')
  const [, sample = ''] = /```js\n([^]*?)```/.exec(DOCS) ?? []

  it('shows how a receiver checks what it gets', async () => {
    await rapidrmf(['notify', 'test']).ended
    const [request] = receiver.requests
    const body = request?.body ?? ''
    const header = String(request?.headers['rapidrmf-signature'])
    const module = (await import(`data:text/javascript,${encodeURIComponent(sample)}`)) as {
      isGenuine: (secret: string, header: string, body: string, now?: number) => boolean
    }
    const secret = SECRETS.HOOK_SECRET
    const now = Date.now() / 1000
    expect(module.isGenuine(secret, header, body, now)).toBe(true)
    expect(module.isGenuine(secret, header, `${body} `, now)).toBe(false)
    expect(module.isGenuine('another', header, body, now)).toBe(false)
    expect(module.isGenuine(secret, header, body, now + 600)).toBe(false)
    expect(module.isGenuine(secret, '', body, now)).toBe(false)
    const later = header.replace(/^t=\d+/, `t=${Math.floor(now) + 600}`)
    expect(module.isGenuine(secret, later, body, now + 600)).toBe(false)
    const [, time = ''] = /^t=(\d+),/.exec(header) ?? []
    expect(header).toContain(createHmac('sha256', secret).update(`${time}.${body}`).digest('hex'))
  })
})
