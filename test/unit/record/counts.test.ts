import { expect, it } from 'vitest'
import { readBits } from '../../../job-image/record/bits.ts'
import { countsByControl, statusAt } from '../../../job-image/record/counts.ts'

/** Four controls: the text has a digit each. */
const bits = (text: string) => readBits(Buffer.from([0, 0, 0, 4, Number.parseInt(text.padEnd(8, '0'), 2)]))
const unknown = bits('0001')
const systems = [
  { pass: bits('1100'), fail: undefined, unknown },
  { pass: bits('1000'), fail: bits('0100'), unknown },
]

it('a control that neither passes nor fails nor is unknown lacks evidence', () => {
  const statuses = systems.map((system) => [0, 1, 2, 3].map((index) => statusAt(system, index)))
  expect(statuses).toEqual([
    ['pass', 'pass', 'insufficient_evidence', 'unknown'],
    ['pass', 'fail', 'insufficient_evidence', 'unknown'],
  ])
})

it('statuses are counted per control', () => {
  expect(countsByControl(systems, 4)).toEqual([
    { pass: 2, fail: 0, insufficient_evidence: 0, unknown: 0 },
    { pass: 1, fail: 1, insufficient_evidence: 0, unknown: 0 },
    { pass: 0, fail: 0, insufficient_evidence: 2, unknown: 0 },
    { pass: 0, fail: 0, insufficient_evidence: 0, unknown: 2 },
  ])
})
