import { SpanStatusCode } from '@opentelemetry/api'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Output } from '../io.ts'

/** OTEL_TRACES_EXPORTER=console: one JSON line for each span; stdout belongs to the command. */
export function consoleExporter(output: Output): SpanExporter {
  return {
    export(spans, done) {
      for (const span of spans) {
        const { traceId, spanId } = span.spanContext()
        const line = {
          span: span.name,
          trace_id: traceId,
          span_id: spanId,
          parent_span_id: span.parentSpanContext?.spanId ?? null,
          start: new Date(milliseconds(span.startTime)).toISOString(),
          duration_ms: milliseconds(span.duration),
          attributes: span.attributes,
          error: span.status.code === SpanStatusCode.ERROR ? span.status.message : undefined,
        }
        output.write(`${JSON.stringify(line)}\n`)
      }
      done({ code: 0 })
    },
    shutdown: async () => {},
  }
}

/** OpenTelemetry's times are [seconds, nanoseconds]. */
function milliseconds([seconds, nanoseconds]: readonly [number, number]): number {
  return seconds * 1000 + nanoseconds / 1e6
}
