import { describe, expect, it } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { startOtlpReceiver } from '../../support/otlp-receiver.ts'
import type { OtlpReceiver, ReceivedSpan } from '../../support/otlp-receiver.ts'
import { startCli } from '../../support/process.ts'
import type { ProcessResult } from '../../support/process.ts'
import { createFolder } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url, name } = await createDatabase()
const SYSTEMS = 25
await seedWorld(client, { systems: SYSTEMS, controls: ['AC-2', 'AU-2'] })
// Told by every statement as a value, or by the connection; and by no span.
const CANARY = 'canary-Pa55w0rd'
const role = `traced_${process.pid}`
await client.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${CANARY}'`)
const canaryUrl = Object.assign(new URL(url), { username: role, password: CANARY }).toString()
const folder = createFolder()
folder.write('config.yaml', 'environments: { production: }\n')

const once = (env: Record<string, string>, ...argv: string[]): Promise<ProcessResult> =>
  startCli(['scheduler', 'once', ...argv], { cwd: folder.path, env: { DATABASE_URL: canaryUrl, ...env } })
    .ended

const to = ({ url: endpoint }: OtlpReceiver) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
const named = (spans: readonly ReceivedSpan[], wanted: string) => spans.filter((span) => span.name === wanted)

describe('the traces of a run', () => {
  it('hold the run, its batches and their statements, and none of their values', async () => {
    const receiver = await startOtlpReceiver()
    const { code, stderr } = await once(
      { ...to(receiver), OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=lab' },
      '--run-key',
      'traced',
    )
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/traces/) as string })
    expect(receiver.requests[0]).toEqual({ path: '/v1/traces', type: 'application/x-protobuf' })
    expect(receiver.resource).toMatchObject({
      'service.name': 'rapidrmf',
      'deployment.environment.name': 'lab',
    })
    const { spans } = receiver
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
    const [run, ...others] = named(spans, 'run')
    expect(others).toEqual([])
    expect(run).toMatchObject({
      parentId: '',
      status: 0,
      attributes: {
        'rapidrmf.run.key': 'traced',
        'rapidrmf.run.id': expect.any(Number) as number,
        'rapidrmf.environment': 'production',
        'rapidrmf.run.verdict': 'Findings',
        'rapidrmf.run.systems': SYSTEMS,
        'rapidrmf.run.results': SYSTEMS * 2,
      },
    })
    const batches = named(spans, 'batch')
    expect(batches.every(({ parentId }) => parentId === run?.spanId)).toBe(true)
    const systems = batches.map(({ attributes }) => attributes['rapidrmf.batch.systems'] as number)
    expect(systems.reduce((sum, each) => sum + each)).toBe(SYSTEMS)
    const copies = named(spans, 'COPY validation_results')
    expect(copies).toHaveLength(systems.filter((each) => each > 0).length)
    for (const copy of copies) {
      expect(batches.map(({ spanId }) => spanId)).toContain(copy.parentId)
      expect(copy).toMatchObject({
        kind: 3,
        attributes: {
          'db.system.name': 'postgresql',
          'db.namespace': name,
          'db.operation.name': 'COPY',
          'db.collection.name': 'validation_results',
          'server.address': '127.0.0.1',
          'server.port': Number(new URL(url).port),
        },
      })
    }
    for (const span of spans) expect(span.milliseconds).toBeGreaterThanOrEqual(0)
    expect(receiver.raw()).not.toContain(CANARY)
    const texts = JSON.stringify(spans.map(({ attributes }) => attributes['db.query.text']))
    expect(texts).toContain('INSERT INTO job_runs')
    for (const value of ['traced', 'production-system', 'Findings']) expect(texts).not.toContain(value)
  })

  it('say what failed', async () => {
    const receiver = await startOtlpReceiver()
    await client.query(
      `CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'on purpose' USING ERRCODE = '57014'; END $$;
       CREATE TRIGGER break AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION break()`,
    )
    try {
      expect((await once(to(receiver))).code).toBe(1)
    } finally {
      await client.query('DROP FUNCTION break CASCADE')
    }
    expect(named(receiver.spans, 'run')[0]).toMatchObject({ status: 2 })
    expect(named(receiver.spans, 'COPY validation_results')[0]).toMatchObject({
      status: 2,
      attributes: { 'db.response.status_code': '57014', 'error.type': '57014' },
    })
  })

  it('of a scheduler go out when it is stopped', async () => {
    const receiver = await startOtlpReceiver()
    const scheduler = startCli(['scheduler', 'start', '--cron', '@every 1s'], {
      cwd: folder.path,
      env: { DATABASE_URL: canaryUrl, ...to(receiver) },
    })
    await scheduler.said(/"verdict":"Findings"/)
    scheduler.kill('SIGTERM')
    await scheduler.ended
    expect(named(receiver.spans, 'run')[0]?.attributes).toMatchObject({
      'rapidrmf.schedule': 'production @every 1s',
      'rapidrmf.triggered_by': 'scheduler',
    })
  })

  it('are lines on stderr where OTEL_TRACES_EXPORTER says console', async () => {
    const { code, stdout, stderr } = await once({ OTEL_TRACES_EXPORTER: 'console' }, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'Findings' })
    const lines = stderr.split('\n').filter((line) => line.startsWith('{'))
    const spans = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(spans.map(({ span }) => span)).toEqual(expect.arrayContaining(['run', 'batch', 'BEGIN']))
    expect(spans.at(-1)).toMatchObject({ span: 'run', parent_span_id: null })
  })

  it('are not made where they are switched off', async () => {
    const receiver = await startOtlpReceiver()
    for (const off of [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
      expect(await once({ ...to(receiver), ...off })).toMatchObject({ code: 0 })
    }
    expect(receiver.requests).toEqual([])
  })
})

describe('a collector that', () => {
  it.each([
    ['is not there', () => Promise.resolve({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' })],
    [
      'has a name that nobody knows',
      () => Promise.resolve({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://nowhere.invalid' }),
    ],
    ['never answers', async () => to(await startOtlpReceiver(() => {}))],
    ['breaks', async () => to(await startOtlpReceiver((_, response) => response.writeHead(500).end()))],
    ['refuses', async () => to(await startOtlpReceiver((_, response) => response.writeHead(403).end()))],
  ])('%s fails nothing, and delays the end by two seconds at most', async (_, environment) => {
    const env = await environment()
    const timed = async (more: Record<string, string>): Promise<[ProcessResult, number]> => {
      const from = performance.now()
      return [await once(more), performance.now() - from]
    }
    const [, without] = await timed({})
    const [{ code, stderr }, took] = await timed(env)
    expect(code).toBe(0)
    expect(stderr.match(/^warning: traces could not be sent: /gm)).toHaveLength(1)
    // The exporter's own limit is 10 s; a loaded machine starts the second process more slowly, too.
    expect(took - without).toBeLessThan(2_000 + 6_000)
  })
})
