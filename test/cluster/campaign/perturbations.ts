// What can go wrong while a scenario is played: one thing at a time.

/** The kinds of objects that the operator watches, as paths name them. */
export const WATCHED = ['validationschedules', 'cronjobs', 'jobs', 'pods'] as const
export type Watched = (typeof WATCHED)[number]

export type Perturbation =
  | { readonly kind: 'none' }
  /** The operator ends as its n-th write is on its way, and another one takes over. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after'; readonly write: number }
  /** At one moment of rest it is restarted, and sees at first what was there at an earlier one. */
  | { readonly kind: 'stale'; readonly seen: number; readonly restarted: number }
  /** Of these objects it sees the first event at once, and of what follows only where it leads. */
  | { readonly kind: 'hidden'; readonly resources: readonly Watched[] }
  /** These watches stand still for some seconds, once the schedule is there and all is at rest. */
  | { readonly kind: 'frozen'; readonly resources: readonly Watched[] }
  /** A second operator looks after the same schedules under another Lease, and leads as well. */
  | { readonly kind: 'two leaders' }
  /** Its n-th write is on its way for so long that another one takes over; then it arrives, and both go on. */
  | { readonly kind: 'late write'; readonly write: number }
  /** Whether a person of the namespace claims Jobs and pods for the schedule at each moment of rest. */
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

/** All of them, for a scenario that takes the operator so many writes and has so many moments of rest. */
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
