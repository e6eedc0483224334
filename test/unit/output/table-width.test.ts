import { expect, it } from 'vitest'
import { tableWidth } from '../../../job-image/output/table-width.ts'

const output = (isTTY: boolean | undefined, columns: number | undefined) => ({
  write: () => undefined,
  drained: async () => undefined,
  loss: undefined,
  isTTY,
  columns,
})

it.each([
  [true, 80, false, 80],
  [true, 80, true, undefined],
  [true, 0, false, undefined],
  [true, undefined, false, undefined],
  [false, 80, false, undefined],
  [undefined, 80, false, undefined],
])('terminal %j of %s columns, wide %j: %s', (isTTY, columns, wide, expected) => {
  expect(tableWidth(output(isTTY, columns), { wide })).toBe(expected)
})
