import { sleep } from '../common/clock.ts'
import { InterruptedError } from './errors.ts'

/** Sleeps for `milliseconds`. Throws an InterruptedError as soon as the signal is aborted. */
export async function interruptibleSleep(
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  await sleep(milliseconds, signal)
  if (signal?.aborted === true) {
    throw new InterruptedError('stopped while waiting', { cause: signal.reason })
  }
}
