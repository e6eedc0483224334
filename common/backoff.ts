/** ms */
export type Backoff = { readonly first: number; readonly longest?: number }

/**
 * How long to wait after one failure (`earlier` 0) and after more in a row, in ms: twice as long each time, and by chance
 * up to a half shorter, so that those who failed together do not come back together. `random` is in [0, 1).
 */
export function backoffDelay(
  { first, longest = Infinity }: Backoff,
  earlier: number,
  random: () => number = Math.random,
): number {
  return Math.min(longest, first * 2 ** earlier) * (1 - random() / 2)
}
