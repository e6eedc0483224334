import { parseQuantity } from '../../values/quantity.ts'

const MIB = 1024n * 1024n * 1_000_000_000n

/**
 * Of the memory limit. The rest is for code, buffers and the database's rows on their way: about 50 MiB in a process
 * that has just started. Left alone, Node takes 259 MB in a container of 128 MiB and is killed without a word.
 */
const HEAP_PERCENT = 60n

/** How Node is told its share of the memory limit; nothing without a limit. */
export function heapOption(
  memoryLimit: string | number | undefined,
): { readonly name: string; readonly value: string } | undefined {
  const limit = memoryLimit === undefined ? undefined : parseQuantity(memoryLimit)
  if (limit === undefined) return undefined
  const heap = (limit * HEAP_PERCENT) / 100n / MIB
  return heap < 1n ? undefined : { name: 'NODE_OPTIONS', value: `--max-old-space-size=${heap}` }
}
