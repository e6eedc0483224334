/** ms */
export type Backoff = { readonly first: number; readonly longest?: number }

/**
 * Exponential backoff with jitter, in ms, after `earlier` + 1 failures in a row: each delay is twice the previous
 * one, shortened at random by up to a half, so that clients that failed together do not retry together. `random` is
 * in [0, 1).
 */
export function backoffDelay(
  { first, longest = Infinity }: Backoff,
  earlier: number,
  random: () => number = Math.random,
): number {
  return Math.min(longest, first * 2 ** earlier) * (1 - random() / 2)
}
