import { expect, it } from 'vitest'
import { heapOption } from '../../../../../operator/plan/cron-job/node-options.ts'

it.each([
  ['1Gi', 614],
  ['512Mi', 307],
  ['128Mi', 76],
  ['1G', 572],
  [1_073_741_824, 614],
  ['1.5Gi', 921],
  ['2Mi', 1],
])('a memory limit of %s leaves %i MiB to the heap', (limit, heap) => {
  expect(heapOption(limit)).toEqual({ name: 'NODE_OPTIONS', value: `--max-old-space-size=${heap}` })
})

it.each([undefined, '1Mi', '1000', 'plenty', ''])('a limit of %j sets no option', (limit) => {
  expect(heapOption(limit)).toBeUndefined()
})
