// The model of a schedule's spec in a spec campaign, and whether it is good.
import { NEVER, LIMITS } from './spec-fields.ts'
import type { FieldChange, Flaw } from './spec-steps.ts'
import { QUIET } from './quiet-schedule.ts'

/** The values by path; a spec has only these fields. */
type Fields = ReadonlyMap<string, FieldChange>

export type Spec = { readonly [field: string]: unknown }

const FIRST: Fields = new Map(
  [
    { path: 'environment', value: 'production' },
    { path: 'schedule', value: QUIET },
    { path: 'config', value: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } } },
  ].map((field) => [field.path, field]),
)

export class SpecModel {
  #fields = FIRST
  #accepted = FIRST

  change(fields: readonly FieldChange[]): void {
    this.#fields = new Map([...this.#fields, ...fields.map((field) => [field.path, field] as const)])
    if (this.flaw === undefined) this.#accepted = this.#fields
  }

  undo(): void {
    this.#fields = this.#accepted
  }

  /** The first flaw; the operator checks its flags before it calls the API server. */
  get flaw(): Flaw | undefined {
    const flaws = [...this.#fields.values()].map(({ flaw }) => flaw)
    return flaws.find((flaw) => flaw === 'notAllowed') ?? flaws.find((flaw) => flaw === 'refused')
  }

  get spec(): Spec {
    return specOf(this.#fields)
  }

  /** The first three conditions as `type status reason`. */
  get conditions(): readonly string[] {
    switch (this.flaw) {
      case 'notAllowed':
        return ['Accepted False NotAllowed', 'Ready False InvalidSpec', 'Stalled True NotAllowed']
      case 'refused':
        return ['Accepted False InvalidSpec', 'Ready False InvalidSpec', 'Stalled True InvalidSpec']
      case undefined: {
        const { suspend, schedule } = this.spec
        const never = schedule === NEVER && suspend !== true ? 'NeverFires' : undefined
        const accepted = never ?? 'Valid'
        const ready = never ?? (suspend === true ? 'Suspended' : 'CronJobReady')
        return [`Accepted True ${accepted}`, `Ready True ${ready}`, 'Stalled False NotStalled']
      }
    }
  }
}

export const LIMIT_FLAGS = [
  '--allowed-images',
  LIMITS.allowedImages.join(','),
  '--allowed-service-accounts',
  LIMITS.allowedServiceAccounts.join(','),
] as const

function specOf(fields: Fields): Spec {
  const pod: Record<string, unknown> = {}
  const job: Record<string, unknown> = { pod }
  const spec: Record<string, unknown> = { job }
  for (const { path, value } of fields.values()) {
    const [, parent = '', name = ''] = /^(job\.pod\.|job\.|)(.*)$/.exec(path) ?? []
    if (value === undefined) continue
    if (path === 'job.pod') Object.assign(pod, value)
    else ({ '': spec, 'job.': job, 'job.pod.': pod })[parent]![name] = value
  }
  return spec
}
