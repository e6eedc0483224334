import { setTimeout as sleep } from 'node:timers/promises'

export type UntilOptions = { readonly timeoutMs?: number; readonly intervalMs?: number }

/** Polls until the result is not undefined. The error after the timeout names the expected event. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 30_000, intervalMs = 25 }: UntilOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > deadline) throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`)
    await sleep(intervalMs)
  }
}
