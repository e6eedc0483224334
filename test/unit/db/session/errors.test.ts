import { DatabaseError } from 'pg'
import { describe, expect, test } from 'vitest'
import { isDataError, isTransient, withRemedy } from '../../../../job-image/db/session/errors.ts'
import { InputError } from '../../../../job-image/errors.ts'

function databaseError(state: string): DatabaseError {
  return Object.assign(new DatabaseError('said by the server', 18, 'error'), { code: state })
}

/** What a session can meet that has nothing to do with the program's own SQL (PostgreSQL manual, appendix A). */
describe('an error of the server is tried again, or has a remedy, or is that of single rows', () => {
  test.each([
    ['08006', 'transient'],
    ['25006', 'transient'],
    ['25P03', 'transient'],
    ['25P04', 'transient'],
    ['40001', 'transient'],
    ['40P01', 'transient'],
    ['53100', 'transient'],
    ['53300', 'transient'],
    ['57P01', 'transient'],
    ['57P03', 'transient'],
    ['57P05', 'transient'],
    ['58030', 'transient'],
    ['25006', 'remedy'],
    ['28000', 'remedy'],
    ['28P01', 'remedy'],
    ['28P02', 'remedy'],
    ['3D000', 'remedy'],
    ['42501', 'remedy'],
    ['42P01', 'remedy'],
    ['22P05', 'row'],
    ['23514', 'row'],
    ['XX001', 'row'],
  ])('%s: %s', (state, kind) => {
    const error = databaseError(state)
    if (kind === 'transient') expect(isTransient(error)).toBe(true)
    if (kind === 'row') expect(isDataError(error)).toBe(true)
    if (kind === 'remedy') expect(withRemedy(error, 'database d')).toBeInstanceOf(InputError)
  })
})
