// A schedule in the situations of alerts and dashboard, produced by the operator's own plan.
import type { RunSummary } from '../../crds/run-summary.ts'
import type { ValidationScheduleSpecInput } from '../../crds/validation-schedule.ts'
import type { PlanInput } from '../../operator/plan/plan.ts'
import {
  DEFAULTS,
  NOW,
  at,
  ended,
  endedPod,
  input,
  job,
  liveCronJob,
  remembering,
  schedule,
  summary,
} from '../unit/operator/fixtures.ts'
import { ALL_PASS } from '../support/all-pass.ts'
import { carryOut } from '../unit/operator/simulation.ts'
import { exposed } from './exposition.ts'
import type { Sample, World } from './exposition.ts'

const DAY = 86_400

type Situation = {
  readonly spec?: Partial<ValidationScheduleSpecInput>
  readonly runs?: Pick<PlanInput, 'jobs' | 'pods'>
  readonly allowedImages?: readonly string[]
  readonly now?: number
  readonly lostNotices?: number
  readonly unreadable?: string
}

const PASSED: Partial<RunSummary> = {
  verdict: 'Passed',
  reason: 'AllControlsPassed',
  counts: ALL_PASS,
}

function run(change: Partial<RunSummary> = PASSED, slot = -3600): Pick<PlanInput, 'jobs' | 'pods'> {
  const times = { slot: at(slot), createdAt: at(slot), startTime: at(slot) }
  return {
    jobs: [job('1', { ...times, ...ended('Complete', slot + 600) })],
    pods: [endedPod('1', summary('1', change))],
  }
}

const broken = (): Pick<PlanInput, 'jobs' | 'pods'> => ({
  jobs: [job('1', ended('Failed', -3000, 'BackoffLimitExceeded'))],
  pods: [endedPod('1', '', 1)],
})

/** The metrics of the leader. */
async function situation(given: Situation): Promise<Sample[]> {
  const { spec = {}, runs, allowedImages, now = NOW, lostNotices = 0, unreadable } = given
  const of = remembering(schedule(spec))
  const { schedule: known, cronJob } = carryOut(
    input({
      schedule: of,
      cronJob: liveCronJob(of),
      ...runs,
      now,
      plannedAt: now,
      defaults: { ...DEFAULTS, ...(allowedImages && { allowedImages }) },
    }),
  ).after
  const cronJobs = cronJob === undefined ? [] : [cronJob]
  const namespaces = ['compliance', 'team-b']
  return leading({
    now,
    schedules: [known],
    cronJobs,
    lostNotices,
    namespaces,
    ...(unreadable && { unreadable }),
  })
}

/** The sample as Prometheus stores it with honorLabels: the labels of the series override those of the target. */
async function leading(world: World, replica = 'a'): Promise<Sample[]> {
  const samples = await exposed(world)
  return samples.map(({ labels, ...sample }) => ({ ...sample, labels: { ...targetOf(replica), ...labels } }))
}

const targetOf = (replica: string): Record<string, string> => ({
  job: 'rapidrmf-operator-metrics',
  namespace: 'rapidrmf-system',
  pod: `rapidrmf-operator-${replica}`,
  instance: `replica-${replica}:8080`,
})

/** The same metrics after another replica has taken the lead; the first replica still runs. */
async function ledByAnother(samples: readonly Sample[]): Promise<Sample[]> {
  const idle = await leading({ now: NOW, leads: false })
  return [...idle, ...samples.map((sample) => ({ ...sample, labels: { ...sample.labels, ...replicaB } }))]
}
const { pod, instance } = targetOf('b')
const replicaB = { pod: pod ?? '', instance: instance ?? '' }

const tomorrow = NOW + DAY * 1000

const overdue = (): Promise<Sample[]> => situation({ runs: run(), now: tomorrow })

export const WORLDS = {
  well: () => situation({ runs: run() }),
  'never run': () => situation({ now: Date.parse(at(-7 * DAY)) + 60_000 }),
  overdue,
  'overdue, led by another replica': async () => ledByAnother(await overdue()),
  'made up for': () => situation({ runs: run(PASSED, DAY - 3600), now: tomorrow }),
  suspended: () => situation({ spec: { suspend: true }, runs: run(), now: tomorrow }),
  errored: () => situation({ runs: broken() }),
  unknown: () => situation({ runs: { ...run(), pods: [] } }),
  findings: () => situation({ runs: run({}) }),
  incomplete: () => situation({ runs: run({ verdict: 'Incomplete', reason: 'NotEvaluated' }) }),
  'not allowed': () =>
    situation({ spec: { job: { pod: { image: 'other' } } }, runs: run(), allowedImages: ['none'] }),
  'never fires': () => situation({ spec: { schedule: '0 0 30 2 *' } }),
  'never fires, suspended': () => situation({ spec: { schedule: '0 0 30 2 *', suspend: true } }),
  'a namespace refused': () => situation({ runs: run(), unreadable: 'team-b' }),
  'a lost notification': () => situation({ runs: run(), lostNotices: 1 }),
  'no leader': () => leading({ now: NOW, leads: false }),
  'operator gone': () => Promise.resolve([]),
} as const satisfies Record<string, () => Promise<Sample[]>>

export type Name = keyof typeof WORLDS
