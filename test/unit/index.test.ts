import { expect, test } from 'vitest'
import * as library from '../../job-image/index.ts'

test('the library exports its functions and errors, and nothing else', () => {
  expect(Object.keys(library).sort()).toEqual([
    'InputError',
    'InterruptedError',
    'RunError',
    'addValidationResult',
    'addValidationResults',
    'compilePlan',
    'connect',
    'decideSystem',
    'disconnect',
    'finishJobRun',
    'formatTimestamp',
    'getJobRun',
    'getRecentJobRuns',
    'inTransaction',
    'listControls',
    'listEvidenceForSystem',
    'listEvidenceForSystems',
    'listSystemsByEnvironment',
    'loadRuleSet',
    'migrate',
    'parseDatabaseUrl',
    'parseTimestamp',
    'runScheduledValidation',
    'runValidationJob',
    'schemaStatus',
    'startJobRun',
    'startScheduler',
    'withClient',
  ])
})
