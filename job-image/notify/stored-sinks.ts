import { TRIGGERS, sinksFor } from './sink.ts'
import type { Sink, Trigger } from './sink.ts'

/** The settings of a sink that decide whether a run has a notice for it, and when that is sent. Contains no secret. */
export type NoticeRule = Pick<Sink, 'name' | 'on' | 'grace'>

/** The member of a run's attributes that holds the sinks of the process that started it. */
const MEMBER = 'sinks'

/** The attributes from which any process can create the notices of a run whose own processes died. */
export function storedSinks(
  sinks: readonly Sink[] = [],
  environment: string,
): { readonly [MEMBER]?: readonly NoticeRule[] } {
  const rules = sinksFor(sinks, environment).map(({ name, on, grace }) => ({ name, on, grace }))
  return rules.length === 0 ? {} : { [MEMBER]: rules }
}

/** Reads what `storedSinks` stored; values of other programs are ignored. */
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

/** A day, in ms: the maximum of the configuration. */
const LONGEST_GRACE = 86_400_000

function isTrigger(value: unknown): value is Trigger {
  return TRIGGERS.some((trigger) => trigger === value)
}
