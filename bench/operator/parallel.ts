/** The number of the operator's workers, so that both sides of a comparison have the same concurrency. */
export const WORKERS = 16

/** Processes each item once, `WORKERS` at a time, and shows the progress on a terminal. */
export async function inParallel<T>(
  what: string,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values()
  const progress = startProgress(what, items.length)
  const worker = async (): Promise<void> => {
    for (const item of left) {
      await work(item)
      progress.step()
    }
  }
  try {
    await Promise.all(Array.from({ length: WORKERS }, worker))
  } finally {
    progress.end()
  }
}

function startProgress(what: string, total: number): { step(): void; end(): void } {
  const { stderr } = process
  if (!stderr.isTTY) return { step: () => {}, end: () => {} }
  let done = 0
  const show = (): void => void stderr.write(`\r${what}: ${done} of ${total}\u001b[K`)
  // The output is throttled, so that the terminal does not affect the measurement.
  const timer = setInterval(show, 250)
  return {
    step: () => {
      done += 1
    },
    end: () => {
      clearInterval(timer)
      stderr.write('\r\u001b[K')
    },
  }
}
