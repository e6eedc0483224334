import { compareText } from '../rules/control-id.ts'
import type { ControlFigures } from '../db/record/control-figures.ts'
import type { JobRun } from '../db/runs/job-runs.ts'
import type { RunSystem } from '../db/record/run-systems.ts'

export const CONTROL_ORDERS = ['slowest', 'failing', 'control'] as const
export type ControlOrder = (typeof CONTROL_ORDERS)[number]

export const SYSTEM_ORDERS = ['failing', 'system', 'latest'] as const
export type SystemOrder = (typeof SYSTEM_ORDERS)[number]

type Counts = Pick<ControlFigures, 'fail' | 'insufficient_evidence' | 'unknown'>

const notPassed = (counts: Counts): number => counts.fail + counts.insufficient_evidence + counts.unknown

/** Orders by the number of results that are not pass, then by the number that fail, both descending. */
export function byFailing(a: Counts, b: Counts): number {
  return notPassed(b) - notPassed(a) || b.fail - a.fail
}

/** Orders `figures`; equal ones keep their order. */
export function orderControls(figures: readonly ControlFigures[], order: ControlOrder): ControlFigures[] {
  if (order === 'slowest') return figures.toSorted((a, b) => b.decide_us - a.decide_us)
  return order === 'failing' ? figures.toSorted(byFailing) : [...figures]
}

/** Orders `systems`; equal ones keep their order. Systems that could not be evaluated come before failing ones. */
export function orderSystems(systems: readonly RunSystem[], order: SystemOrder): RunSystem[] {
  const broken = ({ state }: RunSystem): number => (state === 'error' ? 1 : 0)
  if (order === 'failing') return systems.toSorted((a, b) => broken(b) - broken(a) || byFailing(a, b))
  if (order === 'system') return [...systems]
  // PostgreSQL's text of a time sorts as the time does; pending ones have none.
  return systems.toSorted((a, b) => compareText(b.decided_at ?? '', a.decided_at ?? ''))
}

/** The message for a run without figures. */
export function whyNoFigures({ id, run_key: key, status }: JobRun, what: 'controls' | 'systems'): string {
  if (key === null) return `run ${id} was made by another program, which keeps no figures of ${what}`
  if (status === 'running') return `run ${id} is running and has no figures of ${what} yet`
  return what === 'controls'
    ? `run ${id} has no figures of controls: it decided nothing, or is older than the table that keeps them`
    : `run ${id} has no systems`
}
