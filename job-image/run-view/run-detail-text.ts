import { printable } from '../../common/printable.ts'
import type { Attempt } from '../db/runs/attempts.ts'
import type { RunSystem } from '../db/record/run-systems.ts'
import { presentable } from '../json-text.ts'
import { silenceText, tableTime } from './run-json.ts'
import { storedScope } from '../selection/scope.ts'
import type { RunDetail } from './run-detail.ts'
import { reuseRecord } from '../run/reuse.ts'
import { plural } from '../plural.ts'
import { orderSystems } from './run-figures.ts'
import { renderTable } from '../output/table.ts'
import type { Column } from '../output/table.ts'

/** Systems shown; a run may have 10,000. The JSON has them all. */
const MAX_SYSTEMS = 50

/** The details of a run as text. `width` is the terminal's; undefined without one. */
export function runDetailText(detail: RunDetail, width: number | undefined): string {
  const { attempts, systems } = detail
  const failed = systems.filter(({ state }) => state === 'error')
  return [
    factLines(detail),
    section('Attempts', ATTEMPT_COLUMNS, attempts, width),
    section('Controls that could not be evaluated', CONTROL_COLUMNS, invalidControls(detail), width),
    section('Systems that could not be evaluated', ERROR_COLUMNS, failed, width),
    section('Systems', SYSTEM_COLUMNS, orderSystems(systems, 'failing'), width),
  ].join('')
}

function factLines({ run, message, counts, systems }: RunDetail): string {
  const { attributes } = run
  const facts: [label: string, value: unknown][] = [
    ['Run', run.id],
    ['Type', run.job_type],
    ['Environment', run.environment],
    ['Status', run.status],
    ['Warning', silenceText(run)],
    ['Verdict', run.verdict],
    ['Message', message],
    ['Error', run.error === message ? null : run.error],
    ['Schedule', run.schedule],
    ['Slot', tableTime(run.slot_at)],
    ['Started', tableTime(run.started_at)],
    ['Finished', tableTime(run.finished_at)],
    ['Reference time', tableTime(run.reference_time)],
    ['Results pruned', attributes?.['pruned_at']],
    ['Scope', storedScope(attributes)?.text],
    ['Unchanged', unchangedText(run)],
    ['Run key', run.run_key],
    ['Triggered by', attributes?.['triggered_by']],
    ['Tool version', attributes?.['tool_version']],
    ...digestFacts(attributes?.['digests']),
  ]
  if (counts !== null) {
    const pending = systems.filter(({ state }) => state === 'pending').length
    facts.push(
      ['Systems', `${counts.systems}${pending === 0 ? '' : ` (${pending} still to do)`}`],
      ['Controls', counts.controls],
      ['Results', `${counts.results}: ${resultCounts(counts)}`],
      ['Errors', counts.errors],
    )
  }
  return facts.map(([label, value]) => factLine(label, value)).join('')
}

/** The number of systems whose results an incremental run reuses, or why it reuses none. */
function unchangedText(run: RunDetail['run']): string | undefined {
  const record = reuseRecord(run)
  if (record === undefined) return undefined
  const { carried, previous_run: previous, full_because: because } = record
  if (because !== null) return `not asked: ${because}`
  const from = previous === null ? 'earlier runs' : `run ${previous}`
  return carried === 0 ? 'nothing' : `${plural(carried, 'system')}, as in ${from}`
}

type InvalidControl = { readonly control: string; readonly problem: string }

/** Reads what planning stored; a value of another program may have any form. */
function invalidControls({ run }: RunDetail): InvalidControl[] {
  const stored = run.attributes?.['invalid_controls']
  if (!Array.isArray(stored)) return []
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  return stored.map((each: Partial<InvalidControl> | null) => ({
    control: text(each?.control),
    problem: text(each?.problem),
  }))
}

const CONTROL_COLUMNS: readonly Column<InvalidControl>[] = [
  { title: 'Control', value: ({ control }) => control },
  { title: 'Problem', value: ({ problem }) => problem, minWidth: 20 },
]

function resultCounts(counts: NonNullable<RunDetail['counts']>): string {
  const { pass, fail, insufficientEvidence, unknown } = counts
  return `pass ${pass} · fail ${fail} · insufficient evidence ${insufficientEvidence} · unknown ${unknown}`
}

function digestFacts(digests: unknown): [string, unknown][] {
  if (typeof digests !== 'object' || digests === null) return []
  return Object.entries(digests).map(([name, value]) => [`Digest: ${name}`, value])
}

/** One fact. Line breaks are kept and indented; other control characters are shown as symbols. */
function factLine(label: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return ''
  const text = typeof value === 'string' ? value : JSON.stringify(presentable(value, label))
  const lines = text.split(/\r?\n/).map(printable)
  return `${printable(label).padEnd(LABEL_WIDTH)}${lines.join(`\n${' '.repeat(LABEL_WIDTH)}`)}\n`
}

const LABEL_WIDTH = 23

function section<Row>(
  title: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | undefined,
): string {
  if (rows.length === 0) return ''
  const more = rows.length - MAX_SYSTEMS
  const tail = more > 0 ? `… and ${more} more; --json has all\n` : ''
  return `\n${title}\n${renderTable(columns, rows.slice(0, MAX_SYSTEMS), { width })}${tail}`
}

const nameOf = ({ system, system_id, removed }: RunSystem): string => {
  if (system === null) return `(deleted, id ${system_id})`
  return removed ? `${system} (removed)` : system
}

const ATTEMPT_COLUMNS: readonly Column<Attempt>[] = [
  { title: '#', value: ({ attempt }) => attempt, align: 'right' },
  { title: 'Worker', value: ({ worker }) => worker, minWidth: 10 },
  { title: 'Started', value: ({ started_at }) => tableTime(started_at), minWidth: 11 },
  { title: 'Ended', value: ({ ended_at }) => tableTime(ended_at), rank: 4 },
  { title: 'Outcome', value: ({ outcome }) => outcome ?? 'running' },
  { title: 'Error', value: ({ error }) => error, minWidth: 5, rank: 1 },
]

const ERROR_COLUMNS: readonly Column<RunSystem>[] = [
  { title: 'System', value: nameOf, minWidth: 12 },
  { title: 'Reason', value: ({ error }) => error, minWidth: 20 },
]

export const SYSTEM_COLUMNS: readonly Column<RunSystem>[] = [
  { title: 'System', value: nameOf, minWidth: 12 },
  { title: 'State', value: ({ state }) => state, rank: 1 },
  { title: 'Pass', value: ({ pass }) => pass, align: 'right' },
  { title: 'Fail', value: ({ fail }) => fail, align: 'right' },
  { title: 'Insufficient', value: (row) => row.insufficient_evidence, align: 'right' },
  { title: 'Unknown', value: ({ unknown }) => unknown, align: 'right' },
  { title: 'Results of run', value: ({ results_run_id }) => results_run_id, align: 'right', rank: 2 },
]
