import { describe, expect, it } from 'vitest'
import { sampling, traceSettings } from '../../../job-image/tracing/settings.ts'

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
