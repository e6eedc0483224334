import { describe, expect, it } from 'vitest'
import { sampling, traceSettings } from '../../../job-image/tracing/settings.ts'
import { describeStatement } from '../../../job-image/tracing/statement.ts'

describe('where traces go', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
  it.each<[Record<string, string>, string[]]>([
    [{}, []],
    [{ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }, []],
    [endpoint, ['otlp']],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, ['otlp']],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, []],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, ['otlp']],
    [{ OTEL_TRACES_EXPORTER: 'console' }, ['console']],
    [{ OTEL_TRACES_EXPORTER: ' OTLP , console ' }, ['otlp', 'console']],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, []],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, []],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'false' }, ['otlp']],
  ])('%j', (env, destinations) => {
    expect(traceSettings(env)).toEqual({ destinations, problems: [] })
  })

  it('tells what it has not', () => {
    expect(traceSettings({ OTEL_TRACES_EXPORTER: 'zipkin,console' })).toEqual({
      destinations: ['console'],
      problems: [expect.stringMatching(/"zipkin" is not known/)],
    })
    expect(traceSettings({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toEqual({
      destinations: [],
      problems: [expect.stringMatching(/"grpc" is not spoken here/)],
    })
  })

  it.each([
    [undefined, undefined, { kind: 'always_on', parentBased: true }],
    ['always_off', undefined, { kind: 'always_off', parentBased: false }],
    ['parentbased_traceidratio', '0.25', { kind: 'traceidratio', ratio: 0.25, parentBased: true }],
    ['traceidratio', 'many', { kind: 'traceidratio', ratio: 1, parentBased: false }],
    ['xray', undefined, { kind: 'always_on', parentBased: false }],
  ])('samples %s (%s)', (name, argument, expected) => {
    expect(sampling({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument })).toEqual(expected)
  })
})

describe('what a statement is about', () => {
  it.each([
    ['BEGIN', 'BEGIN'],
    ['\n  SELECT id FROM job_runs WHERE run_key = $1', 'SELECT job_runs'],
    ['INSERT INTO job_runs (a) VALUES ($1)', 'INSERT job_runs'],
    ['UPDATE job_run_systems s SET state = $1 FROM job_runs', 'UPDATE job_run_systems'],
    ['COPY validation_results\n  (system_id) FROM STDIN', 'COPY validation_results'],
    ['SELECT * FROM unnest($1::int[]) AS t', 'SELECT'],
    ['SET LOCAL lock_timeout TO 5000', 'SET'],
    ['', 'SQL'],
  ])('%j: %s', (text, summary) => {
    expect(describeStatement(text).summary).toBe(summary)
  })
})
