import { expect, test } from 'vitest'
import { positiveInteger } from '../../../../job-image/commands/shared/numbers.ts'

const read = (text: string, max?: number) => positiveInteger('COUNT', max).from(text)

test.each([
  ['1', undefined, 1],
  ['007', undefined, 7],
  ['2147483647', undefined, 2_147_483_647],
  ['20', 20, 20],
])('%s with the maximum %s is %i', async (text, max, value) => {
  expect(await read(text, max)).toBe(value)
})

test.each(['0', '-1', '+1', '1.5', '1e3', '0x10', ' 1', '', '2147483648', '9'.repeat(16)])(
  '%j is refused',
  async (text) => {
    await expect(read(text)).rejects.toThrow(
      `expected a whole number from 1 to 2147483647, found ${JSON.stringify(text)}`,
    )
  },
)

test('a number above the maximum of the option is refused', async () => {
  await expect(read('21', 20)).rejects.toThrow('expected a whole number from 1 to 20, found "21"')
  expect(positiveInteger('COUNT').displayName).toBe('COUNT')
})
