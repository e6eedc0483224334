import type { Io } from '../io.ts'
import { traceSettings } from './settings.ts'
import type { Tracing } from './tracing.ts'

/**
 * Tracing as OpenTelemetry's variables ask for it; undefined, with nothing loaded, where they do not.
 * `tell`: what was asked for and cannot be had, and that traces do not arrive, once.
 */
export async function openTracing(
  { env, stderr }: Pick<Io, 'env' | 'stderr'>,
  tell: (message: string) => void,
): Promise<Tracing | undefined> {
  const { destinations, problems } = traceSettings(env)
  for (const problem of problems) tell(problem)
  if (destinations.length === 0) return undefined
  const { startTracing } = await import('./otel.ts')
  return startTracing({ destinations, env, stderr, tell })
}
