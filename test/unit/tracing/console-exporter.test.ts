import { SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { expect, it } from 'vitest'
import { consoleExporter } from '../../../job-image/tracing/console-exporter.ts'

const span = (change: object): ReadableSpan =>
  ({
    name: 'SELECT systems',
    spanContext: () => ({ traceId: 't1', spanId: 's1', traceFlags: 1 }),
    startTime: [1_700_000_000, 250_000_000],
    duration: [1, 500_000],
    attributes: { 'db.namespace': 'd' },
    status: { code: SpanStatusCode.UNSET },
    ...change,
  }) as unknown as ReadableSpan

it('writes one JSON line for each span', async () => {
  let text = ''
  let result: unknown
  const output = {
    write: (more: string) => void (text += more),
    drained: async () => undefined,
    loss: undefined,
  }
  const exporter = consoleExporter(output)
  const failed = span({
    parentSpanContext: { spanId: 's0' },
    status: { code: SpanStatusCode.ERROR, message: 'broken' },
  })
  exporter.export([span({}), failed], (found) => (result = found))
  await exporter.shutdown()
  const line = {
    span: 'SELECT systems',
    trace_id: 't1',
    span_id: 's1',
    parent_span_id: null,
    start: '2023-11-14T22:13:20.250Z',
    duration_ms: 1000.5,
    attributes: { 'db.namespace': 'd' },
  }
  expect(
    text
      .split('\n')
      .filter((each) => each !== '')
      .map((each) => JSON.parse(each) as unknown),
  ).toEqual([line, { ...line, parent_span_id: 's0', error: 'broken' }])
  expect(result).toEqual({ code: 0 })
})
