import { median } from './report.ts'
import type { Figure } from './report.ts'
import { INSERT_SAMPLE } from './writers.ts'

const MB = 1e6

/** The measurements of one round: rows per second of each part, and the resources of the job's process. */
export type Round = {
  readonly job: number
  readonly jobOne: number
  readonly workers: number
  readonly copy: number
  readonly copyTwo: number
  readonly inserts: number
  readonly cpu: number
  readonly peakRss: number
  readonly results: number
  /** The size of a row without its indexes, as stored and as text. */
  readonly rowBytes: number
  readonly textBytes: number
}

/** Returns the medians over the rounds, and their ratios. */
export function roundFigures(systems: number, rounds: readonly Round[]): Figure[] {
  const of = (value: (round: Round) => number): number => median(rounds.map(value))
  const copyTwo = of((round) => round.copyTwo)
  const rate = (name: string, value: (round: Round) => number): Figure => ({
    name,
    value: of(value),
    unit: 'rows/s',
  })
  return [
    { name: `results of ${systems} systems`, value: of(({ results }) => results), unit: 'rows' },
    rate('whole job', ({ job }) => job),
    rate('whole job, one connection', ({ jobOne }) => jobOne),
    rate('two workers on one run, one connection each', ({ workers }) => workers),
    rate('raw COPY, one stream', ({ copy }) => copy),
    { name: 'raw COPY, two streams', value: copyTwo, unit: 'rows/s' },
    rate(`prepared INSERTs, one transaction, ${INSERT_SAMPLE} rows`, ({ inserts }) => inserts),
    // The ratios are of medians: one slow part would spoil the ratio of its round.
    {
      name: 'job / the better of one and two streams',
      value:
        of(({ job }) => job) /
        Math.max(
          of(({ copy }) => copy),
          copyTwo,
        ),
      unit: '×',
      budget: { atLeast: 0.85 },
    },
    {
      name: 'job, one connection / one stream',
      value: of(({ jobOne }) => jobOne) / of(({ copy }) => copy),
      unit: '×',
      budget: { atLeast: 0.85 },
    },
    {
      name: 'two workers / two streams',
      value: of(({ workers }) => workers) / copyTwo,
      unit: '×',
      budget: { atLeast: 0.8 },
    },
    {
      name: 'job / prepared INSERTs',
      value: of(({ job }) => job) / of(({ inserts }) => inserts),
      unit: '×',
      budget: { atLeast: 4 },
    },
    { name: 'stored row', value: of(({ rowBytes }) => rowBytes), unit: 'bytes', budget: { atMost: 600 } },
    { name: 'row as text', value: of(({ textBytes }) => textBytes), unit: 'bytes' },
    { name: 'CPU of the job', value: of(({ cpu }) => cpu), unit: 'ms' },
    {
      name: 'peak RSS of the job',
      value: of(({ peakRss }) => peakRss) / MB,
      unit: 'MB',
      budget: { atMost: 120 },
    },
  ]
}
