import type { Io } from '../io.ts'
import { traceSettings } from './settings.ts'
import type { Tracing } from './tracing.ts'

/**
 * Opens tracing as OpenTelemetry's variables configure it; returns undefined, and loads nothing, if they do not.
 * `warn` is called for unsupported settings and, once, if traces cannot be sent.
 */
export async function openTracing(
  { env, stderr }: Pick<Io, 'env' | 'stderr'>,
  warn: (message: string) => void,
): Promise<Tracing | undefined> {
  const { destinations, problems } = traceSettings(env)
  for (const problem of problems) warn(problem)
  if (destinations.length === 0) return undefined
  const { startTracing } = await import('./otel.ts')
  return startTracing({ destinations, env, stderr, warn })
}
