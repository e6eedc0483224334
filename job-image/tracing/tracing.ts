import type { Client } from 'pg'

/** Attributes named by OpenTelemetry's semantic conventions, else with the prefix `rapidrmf.`. Undefined ones are omitted. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | null | undefined>>

/** The tracer of a run. The interface does not depend on OpenTelemetry, which is loaded only if tracing is on. */
export type Tracing = {
  /** The work as a span under the one around it; `note` adds what is known only later. */
  span<T>(
    name: string,
    attributes: SpanAttributes,
    work: (note: (attributes: SpanAttributes) => void) => Promise<T>,
  ): Promise<T>
  /** Makes a span of each statement of a session. `url`: as `parseDatabaseUrl` returns it. */
  watch(client: Client, url: string): void
  /** Sends what is left, for a bounded time. Never throws. */
  end(): Promise<void>
}
