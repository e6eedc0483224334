import { AsyncLocalStorage } from 'node:async_hooks'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Span } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Sampler, SpanExporter } from '@opentelemetry/sdk-trace'
import { redactSecrets } from '../../common/logging/redact.ts'
import { asError } from '../errors.ts'
import type { Io, Output } from '../io.ts'
import { VERSION } from '../../common/version.ts'
import { consoleExporter } from './console-exporter.ts'
import { watchStatements } from './queries.ts'
import { sampling } from './settings.ts'
import type { Destination } from './settings.ts'
import type { SpanAttributes, Tracing } from './tracing.ts'

/** A collector that is away delays the end by no more than this, in ms; main.ts lets go of what is left then. */
const FLUSH_TIMEOUT = 1_500

export type TracingOptions = {
  readonly destinations: readonly Destination[]
  readonly env: Io['env']
  readonly stderr: Output
  readonly warn: (message: string) => void
}

/** Starts tracing. This module is imported on demand: its packages take longer to load than the rest of the program. */
export function startTracing({ destinations, env, stderr, warn }: TracingOptions): Tracing {
  const failed = once((reason) => warn(`traces could not be sent: ${redactSecrets(reason)}`))
  const exporters = destinations.map((each) =>
    each === 'otlp' ? watched(new OTLPTraceExporter(), failed) : consoleExporter(stderr),
  )
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'rapidrmf', 'service.version': VERSION }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(env),
    spanProcessors: exporters.map((exporter) => new BatchSpanProcessor({ exporter })),
  })
  const tracer = provider.getTracer('rapidrmf', VERSION)
  const current = new AsyncLocalStorage<Span>()
  const start = (name: string, kind: SpanKind, attributes: SpanAttributes): Span => {
    const parent = current.getStore()
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent)
    return tracer.startSpan(name, { kind, attributes: present(attributes) }, context)
  }
  return {
    async span(name, attributes, work) {
      const span = start(name, SpanKind.INTERNAL, attributes)
      try {
        return await current.run(span, () => work((more) => void span.setAttributes(present(more))))
      } catch (error) {
        fail(span, error)
        throw error
      } finally {
        span.end()
      }
    },
    watch(client, url) {
      watchStatements(client, url, (name, attributes) => {
        const span = start(name, SpanKind.CLIENT, attributes)
        return (error, code) => {
          if (error !== undefined) fail(span, error, code)
          span.end()
        }
      })
    },
    async end() {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise((resolve) => {
        timer = setTimeout(() => {
          failed(`the collector had not answered after ${FLUSH_TIMEOUT / 1000} s`)
          resolve(undefined)
        }, FLUSH_TIMEOUT)
      })
      // The exporter has already reported the error.
      await Promise.race([provider.shutdown().catch(() => {}), late])
      clearTimeout(timer)
    },
  }
}

/** `code`: a SQLSTATE, which says more than the class. */
function fail(span: Span, thrown: unknown, code?: string): void {
  const error = asError(thrown)
  span.setAttributes({ 'error.type': code ?? error.name, 'db.response.status_code': code })
  span.setStatus({ code: SpanStatusCode.ERROR, message: redactSecrets(error.message) })
}

function present(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined || value === null
        ? []
        : [[key, typeof value === 'string' ? redactSecrets(value) : value]],
    ),
  )
}

function samplerOf(env: Io['env']): Sampler {
  const settings = sampling(env)
  const root =
    settings.kind === 'traceidratio'
      ? new TraceIdRatioBasedSampler(settings.ratio)
      : settings.kind === 'always_off'
        ? new AlwaysOffSampler()
        : new AlwaysOnSampler()
  return settings.parentBased ? new ParentBasedSampler({ root }) : root
}

function watched(exporter: SpanExporter, failed: (reason: string) => void): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error !== undefined) failed(result.error.message)
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}

function once(warn: (text: string) => void): (text: string) => void {
  let isReported = false
  return (text) => {
    if (!isReported) warn(text)
    isReported = true
  }
}
