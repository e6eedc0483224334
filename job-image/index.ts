/**
 * RapidRMF Scheduled Validation as a library: the validation job, the scheduler and the operations on the tables, for
 * programs of other kinds than the command line. Nothing here ends the process, prints or keeps state between calls; the
 * environment is read for `${NAME}` in a configuration only, and another one can be given.
 */
// First, so that it is evaluated before everything else.
// oxlint-disable-next-line import/no-unassigned-import -- it only checks
import './library/require-node.ts'

export * from './library/api.ts'
export { InputError, InterruptedError, RunError } from './errors.ts'
export type { Problem } from './errors.ts'
export type { RunCounts, RunScope, RunSummary, Verdict } from '../crds/run-summary.ts'
export type { Selection } from '../crds/selection.ts'
export type { Publish } from './config/publish.ts'
export type { RunEvent, RunObserver, ScheduleIdentity } from './run/options.ts'

// The repository: operations on the tables, each on a client that `connect` made.
export { connect, disconnect, inTransaction, withClient } from './db/session/client.ts'
export type { Target } from './db/session/client.ts'
export { parseDatabaseUrl } from './db/session/url.ts'
export { migrate, schemaStatus } from './db/schema/schema.ts'
export type { SchemaStatus } from './db/schema/schema.ts'
export { finishJobRun, getJobRun, getRecentJobRuns, startJobRun } from './db/runs/job-runs.ts'
export type { JobRun, NewJobRun, RunEnd, RunFilter } from './db/runs/job-runs.ts'
export { listControls } from './library/controls.ts'
export type { StoredControl } from './db/inputs/controls.ts'
export { listSystemsByEnvironment } from './db/inputs/systems.ts'
export type { SystemRow } from './db/inputs/systems.ts'
export { listEvidenceForSystem, listEvidenceForSystems } from './db/inputs/evidence.ts'
export { addValidationResult, addValidationResults } from './db/results/results.ts'
export type { NewResult } from './db/results/new-result.ts'

// The pure core.
export { loadRuleSet } from './rules/load.ts'
export type { RuleSet } from './rules/rule-set.ts'
export { compilePlan, decideSystem } from './validation/decide.ts'
export type { ControlRow, Decision, EvidenceRow, Status, ValidationPlan } from './validation/decide.ts'
export { formatTimestamp, parseTimestamp } from './time.ts'
export type { Micros } from './time.ts'
