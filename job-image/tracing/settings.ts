import type { Io } from '../io.ts'

type Env = Io['env']

export type Destination = 'otlp' | 'console'

export type TraceSettings = {
  /** Empty: nothing is traced. */
  readonly destinations: readonly Destination[]
  /** Requested settings that are not supported. */
  readonly problems: readonly string[]
}

const OFF: TraceSettings = { destinations: [], problems: [] }

/**
 * What OpenTelemetry's standard variables ask for: OTEL_SDK_DISABLED=true is above all, then OTEL_TRACES_EXPORTER
 * (otlp, console, none; several by commas), then an endpoint alone. Without any of them there are no traces.
 */
export function traceSettings(env: Env): TraceSettings {
  const text = (name: string): string => (env[name] ?? '').trim()
  if (text('OTEL_SDK_DISABLED').toLowerCase() === 'true') return OFF
  const endpoint = text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || text('OTEL_EXPORTER_OTLP_ENDPOINT')
  const asked = text('OTEL_TRACES_EXPORTER') || (endpoint === '' ? '' : 'otlp')
  const names = asked
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'none')
  const unknown = names.filter((name) => name !== 'otlp' && name !== 'console')
  const protocol =
    text('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || text('OTEL_EXPORTER_OTLP_PROTOCOL') || 'http/protobuf'
  const noProtocol = names.includes('otlp') && protocol !== 'http/protobuf'
  return {
    destinations: (['otlp', 'console'] as const).filter(
      (each) => names.includes(each) && !(each === 'otlp' && noProtocol),
    ),
    problems: [
      ...unknown.map(
        (name) => `OTEL_TRACES_EXPORTER: "${name}" is not known here; there is otlp, console and none`,
      ),
      ...(noProtocol
        ? [`OTEL_EXPORTER_OTLP_PROTOCOL: "${protocol}" is not spoken here; traces go by http/protobuf`]
        : []),
    ],
  }
}

export type Sampling =
  | { readonly kind: 'always_on' | 'always_off'; readonly parentBased: boolean }
  | { readonly kind: 'traceidratio'; readonly ratio: number; readonly parentBased: boolean }

/** OTEL_TRACES_SAMPLER and its argument; what cannot be read means everything, as the specification has it. */
export function sampling(env: Env): Sampling {
  const name = (env['OTEL_TRACES_SAMPLER'] ?? '').trim().toLowerCase()
  const parentBased = name === '' || name.startsWith('parentbased_')
  const kind = name.replace(/^parentbased_/, '')
  if (kind === 'always_off') return { kind, parentBased }
  if (kind !== 'traceidratio') return { kind: 'always_on', parentBased }
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] || '1')
  return { kind, ratio: ratio >= 0 && ratio <= 1 ? ratio : 1, parentBased }
}
