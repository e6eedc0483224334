import { describe, expect, it } from 'vitest'
import { VERSION } from '../../../common/version.ts'
import { InputError } from '../../../job-image/errors.ts'
import { digestsOf, refuseDigests, warnOfDifferences } from '../../../job-image/run/digests.ts'
import { scopeOfSelection } from '../../../job-image/selection/scope.ts'
import { jobRun } from '../../support/job-run.ts'
import { runRequest } from '../../support/request.ts'

const options = runRequest('postgresql://h/db')
const selection = { controls: { include: ['AC-2'] } }
const digests = digestsOf(options)

describe('the digests of a process', () => {
  it('are of its rules, its configuration and its version', () => {
    expect(digests).toEqual({
      rules: options.ruleSet.digest,
      configuration: 'test',
      tool_version: VERSION,
    })
  })

  it('have one of the selection where there is one', () => {
    expect(digestsOf({ ...options, selection }).scope).toBe(scopeOfSelection(selection)?.digest)
    expect(digestsOf({ ...options, selection: { allowEmpty: true } })).toEqual(digests)
  })
})

describe('an attempt at a run', () => {
  const mine = { ...digests, controls: 'c' }

  it('is accepted where all digests are the same', () => {
    expect(() => refuseDigests(jobRun({ attributes: { digests: mine } }), mine)).not.toThrow()
  })

  it.each([
    [{ rules: 'x' }, 'other rule packs'],
    [{ configuration: 'x' }, 'another configuration'],
    [{ tool_version: 'x' }, 'another version of rapidrmf'],
    [{ scope: 'x' }, 'another selection of systems or controls'],
    [{ controls: 'x' }, 'another set of controls (a catalog, a baseline or requirements changed since)'],
    [{ rules: 'x', scope: 'x' }, 'other rule packs and another selection of systems or controls'],
  ])('is refused where the run has %j', (stored, message) => {
    const run = jobRun({ attributes: { digests: { ...mine, ...stored } } })
    expect(() => refuseDigests(run, mine)).toThrow(InputError)
    expect(() => refuseDigests(run, mine)).toThrow(`run 7 (key nightly-1) was started with ${message}; `)
  })

  it('is refused where only this process has a selection', () => {
    const run = jobRun({ attributes: { digests: mine } })
    expect(() => refuseDigests(run, { ...mine, scope: 'x' })).toThrow(/another selection/)
  })

  it('compares nothing that planning has not stored yet', () => {
    const run = jobRun({ attributes: { digests: mine } })
    expect(() => refuseDigests(run, digests)).not.toThrow()
  })
})

describe('a run that is only reported', () => {
  const warningsOf = (run: ReturnType<typeof jobRun>): unknown[] => {
    const events: unknown[] = []
    warnOfDifferences(run, { ...options, observer: (event) => events.push(event) })
    return events
  }

  it('has a warning where it was made with other inputs', () => {
    expect(warningsOf(jobRun({ attributes: { digests: { ...digests, configuration: 'x' } } }))).toEqual([
      {
        type: 'warning',
        message:
          'run 7 (key nightly-1) succeeded with another configuration; what is configured here was not validated',
      },
    ])
  })

  it('has none where it was made with the same', () => {
    expect(warningsOf(jobRun({ attributes: { digests: { ...digests, controls: 'c' } } }))).toEqual([])
  })
})
