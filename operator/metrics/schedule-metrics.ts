import { runVerdicts } from '../../crds/validation-schedule.ts'
import type { CachedSchedule } from '../cache/projections.ts'
import { instant } from '../values/time.ts'

/*
 * One set of series for each schedule, written at each scrape from the cache: there is no state to synchronize, no
 * series of a deleted schedule, and no second copy of five thousand schedules in a metrics library.
 */

type Labels = Readonly<Record<string, string>>
type Sample = readonly [value: number, labels?: Labels]
type Family = {
  readonly name: string
  readonly help: string
  readonly samples: (
    schedule: CachedSchedule,
    expectedSlot: (schedule: CachedSchedule) => number,
  ) => readonly Sample[]
}

const seconds = (time: string | undefined): number => (time === undefined ? 0 : instant(time) / 1000)

/** Every schedule has a value from its first scrape on, because alerts on missing series are hard to write. */
const FAMILIES: readonly Family[] = [
  {
    name: 'rapidrmf_schedule_suspended',
    help: 'Whether the CronJob is suspended: by the schedule, or by the operator where its limits do not allow the spec.',
    samples: ({ status }) => [[Number(status.cronJob?.suspended ?? false)]],
  },
  {
    name: 'rapidrmf_schedule_ready',
    help: 'Whether the CronJob is what the schedule asks for.',
    samples: ({ status }) => [
      [Number(status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false)],
    ],
  },
  {
    name: 'rapidrmf_schedule_never_fires',
    help: 'Whether the schedule names a date that does not come, so that no run starts by it.',
    samples: ({ status }) => [
      [
        Number(
          status.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'NeverFires') ?? false,
        ),
      ],
    ],
  },
  {
    name: 'rapidrmf_schedule_conflicting_writer',
    help: 'Whether another writer changes the CronJob as often as the operator repairs it, and its field manager.',
    samples: ({ status: { conflictingWriter: writer } }) => [
      [Number(writer !== undefined), { field_manager: writer?.fieldManager ?? '' }],
    ],
  },
  {
    name: 'rapidrmf_schedule_active_runs',
    help: 'Runs whose Jobs have not ended.',
    samples: ({ status }) => [[status.active?.length ?? 0]],
  },
  {
    name: 'rapidrmf_schedule_last_run_timestamp_seconds',
    help: 'When the last run ended; 0 before the first.',
    samples: ({ status }) => [[seconds(status.lastRun?.completionTime)]],
  },
  {
    name: 'rapidrmf_schedule_last_passed_timestamp_seconds',
    help: 'When a run last ended with Passed; 0 before the first.',
    samples: ({ status }) => [[seconds(status.lastPassedTime)]],
  },
  {
    name: 'rapidrmf_schedule_last_run_duration_seconds',
    help: 'How long the last run took.',
    samples: ({ status: { lastRun } }) => [
      [lastRun?.startTime === undefined ? 0 : seconds(lastRun.completionTime) - seconds(lastRun.startTime)],
    ],
  },
  {
    name: 'rapidrmf_schedule_last_run_verdict',
    help: 'How the last run ended: 1 for its verdict, 0 for the others.',
    samples: ({ status }) =>
      runVerdicts.map((verdict) => [Number(status.lastRun?.verdict === verdict), { verdict }]),
  },
  {
    name: 'rapidrmf_schedule_last_run_results',
    help: 'Results of the last run by status; 0 where they are not known.',
    samples: ({ status: { lastRun } }) => {
      const { pass = 0, fail = 0, insufficientEvidence = 0, unknown = 0 } = lastRun?.counts ?? {}
      return Object.entries({ pass, fail, insufficient_evidence: insufficientEvidence, unknown }).map(
        ([status, count]) => [count, { status }],
      )
    },
  },
  {
    name: 'rapidrmf_schedule_last_run_errors',
    help: 'Systems and controls that the last run could not evaluate.',
    samples: ({ status }) => [[status.lastRun?.counts?.errors ?? 0]],
  },
  {
    name: 'rapidrmf_schedule_last_slot_timestamp_seconds',
    help: 'The newest slot for which there was a Job; 0 before the first.',
    samples: ({ status }) => [[seconds(status.lastScheduleTime)]],
  },
  {
    name: 'rapidrmf_schedule_expected_slot_timestamp_seconds',
    help: 'The newest slot that should have a run by now; 0 without one. Schedules have no one interval to alert on.',
    samples: (schedule, expectedSlot) => [[expectedSlot(schedule) / 1000]],
  },
  {
    name: 'rapidrmf_schedule_next_slot_timestamp_seconds',
    help: 'The next slot; 0 without one.',
    samples: ({ status }) => [[seconds(status.nextScheduleTime)]],
  },
]

/** Schedules per piece: a scrape of five thousand is ten megabytes, which should not be in memory at once. */
const AT_ONCE = 200

/** Writes Prometheus' text format piece by piece. */
export function* scheduleMetrics(
  schedules: readonly CachedSchedule[],
  expectedSlot: (schedule: CachedSchedule) => number,
): Generator<string> {
  for (const { name, help, samples } of FAMILIES) {
    yield `# HELP ${name} ${help}\n# TYPE ${name} gauge\n`
    const lines = (schedule: CachedSchedule): string => {
      const labels = `namespace=${quoted(schedule.namespace)},name=${quoted(schedule.name)}`
      return samples(schedule, expectedSlot)
        .map(([value, more = {}]) => `${name}{${labels}${others(more)}} ${value}\n`)
        .join('')
    }
    for (let begin = 0; begin < schedules.length; begin += AT_ONCE) {
      yield schedules
        .slice(begin, begin + AT_ONCE)
        .map(lines)
        .join('')
    }
  }
}

function others(labels: Labels): string {
  return Object.entries(labels)
    .map(([label, text]) => `,${label}=${quoted(text)}`)
    .join('')
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
