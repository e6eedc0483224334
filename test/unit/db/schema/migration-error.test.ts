import { DatabaseError } from 'pg'
import { expect, it } from 'vitest'
import { migrationError } from '../../../../job-image/db/schema/migration-error.ts'
import { InputError, asError } from '../../../../job-image/errors.ts'

const databaseError = (code: string): DatabaseError =>
  Object.assign(new DatabaseError('must be owner', 13, 'error'), { code })

it('a missing privilege is an input error that names the owner', () => {
  const error = migrationError(databaseError('42501'), 'the database refuses it', '; nothing was changed')
  expect(error).toBeInstanceOf(InputError)
  expect(asError(error).message).toBe(
    'the database refuses it: must be owner; run "rapidrmf db migrate" as the owner of the tables; nothing was changed',
  )
})

it.each(['0A000', '22001', '23505', '2BP01', '42P07'])(
  'SQLSTATE %s is an input error about the tables',
  (state) => {
    const cause = databaseError(state)
    const error = migrationError(cause, 'index x')
    expect(error).toBeInstanceOf(InputError)
    expect(error).toMatchObject({
      cause,
      message:
        'index x: must be owner; the tables are not as rapidrmf needs them (docs/tables.md): change them, or give rapidrmf a schema of its own',
    })
  },
)

it.each([databaseError('57P01'), databaseError('40P01'), databaseError('55P03'), new Error('no code')])(
  'other errors stay as they are, so that a retry can help: %s',
  (error) => {
    expect(migrationError(error, 'index x')).toBe(error)
  },
)
