import { parseQuantity } from '../../values/quantity.ts'

const MIB = 1024n * 1024n * 1_000_000_000n

/**
 * Share of the memory limit for the heap. The rest is for code, buffers and rows in transit: about 50 MiB in a new
 * process. By default Node takes 259 MB in a container of 128 MiB and is killed.
 */
const HEAP_PERCENT = 60n

/** The variable that limits Node's heap; undefined without a memory limit. */
export function heapOption(
  memoryLimit: string | number | undefined,
): { readonly name: string; readonly value: string } | undefined {
  const limit = memoryLimit === undefined ? undefined : parseQuantity(memoryLimit)
  if (limit === undefined) return undefined
  const heap = (limit * HEAP_PERCENT) / 100n / MIB
  return heap < 1n ? undefined : { name: 'NODE_OPTIONS', value: `--max-old-space-size=${heap}` }
}
