import { TRIGGERS, sinksFor } from './sink.ts'
import type { Sink, Trigger } from './sink.ts'

/** What of a sink decides whether a run has a notice for it, and when that is sent. Holds no secret. */
export type NoticeRule = Pick<Sink, 'name' | 'on' | 'grace'>

/** A member of a run's attributes: the sinks of the process that began it. */
const MEMBER = 'sinks'

/** The attributes by which any process can leave the notices of a run that its own died without. */
export function storedSinks(
  sinks: readonly Sink[] = [],
  environment: string,
): { readonly [MEMBER]?: readonly NoticeRule[] } {
  const rules = sinksFor(sinks, environment).map(({ name, on, grace }) => ({ name, on, grace }))
  return rules.length === 0 ? {} : { [MEMBER]: rules }
}

/** As `storedSinks` left them; what another program has written there is passed over. */
export function readStoredSinks(attributes: Readonly<Record<string, unknown>> | null): NoticeRule[] {
  const stored = attributes?.[MEMBER]
  if (!Array.isArray(stored)) return []
  return stored.flatMap((each: Partial<Record<keyof NoticeRule, unknown>> | null) => {
    const { name, on, grace } = each ?? {}
    if (typeof name !== 'string' || !Array.isArray(on) || !isDelay(grace)) return []
    return [{ name, on: on.filter(isTrigger), grace }]
  })
}

function isDelay(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LONGEST_GRACE
}

/** A day, in ms: the most that a configuration may say. */
const LONGEST_GRACE = 86_400_000

function isTrigger(value: unknown): value is Trigger {
  return TRIGGERS.some((trigger) => trigger === value)
}
