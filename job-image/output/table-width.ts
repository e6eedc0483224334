import type { Output } from '../io.ts'

/**
 * How many terminal columns a table may take. Undefined means as many as its texts need: outside of a terminal, on one
 * that does not say how wide it is, and with `-o wide`.
 */
export function tableWidth(
  { isTTY, columns }: Output,
  { wide }: { readonly wide: boolean },
): number | undefined {
  return isTTY === true && columns !== 0 && !wide ? columns : undefined
}
