import type { Client } from 'pg'

/** By OpenTelemetry's semantic conventions where they have a name, else under `rapidrmf.`. Undefined ones are left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | null | undefined>>

/** What a run tells its tracer. Nothing of OpenTelemetry is needed to have one, and nothing is loaded without it. */
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
