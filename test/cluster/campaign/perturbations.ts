// Perturbations of a scenario, one at a time.

/** The kinds of objects that the operator watches, as paths name them. */
export const WATCHED = ['validationschedules', 'cronjobs', 'jobs', 'pods'] as const
export type Watched = (typeof WATCHED)[number]

export type Perturbation =
  | { readonly kind: 'none' }
  /** The operator crashes during its n-th write, and another one takes over. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after'; readonly write: number }
  /** The operator is restarted in a settled state, and first reads lists of an earlier one. */
  | { readonly kind: 'stale'; readonly seen: number; readonly restarted: number }
  /** The events of these objects after the first one are merged. */
  | { readonly kind: 'hidden'; readonly resources: readonly Watched[] }
  /** These watches stop for some seconds after the first settled state. */
  | { readonly kind: 'frozen'; readonly resources: readonly Watched[] }
  /** A second operator leads under another Lease for the same schedules. */
  | { readonly kind: 'two leaders' }
  /** The n-th write is delayed until another operator has taken over; then it arrives, and both continue. */
  | { readonly kind: 'late write'; readonly write: number }
  /** True if a person of the namespace forges Jobs and pods of the schedule in each settled state. */
  | { readonly kind: 'tenant' }

export function nameOf(perturbation: Perturbation): string {
  switch (perturbation.kind) {
    case 'none':
      return 'unperturbed'
    case 'crash':
      return `crash ${perturbation.when} write ${perturbation.write}`
    case 'stale':
      return `restart at rest ${perturbation.restarted}, seeing rest ${perturbation.seen}`
    case 'hidden':
      return `hidden events of ${perturbation.resources.join(', ')}`
    case 'frozen':
      return `frozen watches of ${perturbation.resources.join(', ')}`
    case 'two leaders':
      return 'two leaders'
    case 'late write':
      return `late write ${perturbation.write}`
    case 'tenant':
      return 'claims of a tenant'
  }
}

/** Returns all perturbations of a scenario with these numbers of writes and of settled states. */
export function perturbationsOf({ writes, rests }: { writes: number; rests: number }): Perturbation[] {
  const numbers = (from: number, to: number) =>
    Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
  return [
    ...numbers(1, writes + 1).flatMap((write) => [
      { kind: 'crash', when: 'before', write } as const,
      { kind: 'crash', when: 'after', write } as const,
      { kind: 'late write', write } as const,
    ]),
    ...numbers(1, rests).flatMap((restarted) =>
      numbers(0, restarted).map((seen) => ({ kind: 'stale', seen, restarted }) as const),
    ),
    ...[...WATCHED.map((resource) => [resource]), WATCHED].flatMap((resources) => [
      { kind: 'hidden', resources } as const,
      { kind: 'frozen', resources } as const,
    ]),
    { kind: 'two leaders' },
    { kind: 'tenant' },
  ]
}
