import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { blockingSessions, withLockRetries } from '../../../../job-image/db/schema/lock-retries.ts'
import { RunError } from '../../../../job-image/errors.ts'
import { createDatabase } from '../../../support/database.ts'

const { client, url } = await createDatabase('empty')
await client.query('CREATE TABLE needed (); CREATE TABLE other ()')
const reader = await connect({ url, applicationName: 'nightly report' })
afterAll(() => disconnect(reader))
beforeEach(() => reader.query('ROLLBACK'))

const lockIt = (): Promise<unknown> => client.query('BEGIN; LOCK TABLE needed; COMMIT')
const lock = async (): Promise<string> => {
  try {
    await lockIt()
    return 'locked'
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}
const lockTimeout = async (): Promise<string | undefined> =>
  (await client.query<{ lock_timeout: string }>('SHOW lock_timeout')).rows[0]?.lock_timeout

describe('work that needs locks', () => {
  it('is executed once where they are free', async () => {
    const messages: string[] = []
    const onProgress = (message: string): void => void messages.push(message)
    const deadline = Date.now() + 60_000
    expect(await withLockRetries(client, { tables: ['needed'], deadline, onProgress }, lock)).toBe('locked')
    expect(messages).toEqual([])
    expect(await lockTimeout()).toBe('0')
  })

  it('is retried until the blocking session, which is named, has ended its transaction', async () => {
    await reader.query('BEGIN; SELECT FROM needed')
    const messages: string[] = []
    const onProgress = (message: string): void => {
      messages.push(message)
      if (messages.length === 2) void reader.query('COMMIT')
    }
    const deadline = Date.now() + 60_000
    expect(await withLockRetries(client, { tables: ['needed'], deadline, onProgress }, lock)).toBe('locked')
    expect(messages[0]).toMatch(
      /^waiting for table locks; blocked by: pid \d+ \(nightly report, in a transaction since \d\d:\d\d:\d\d UTC\)$/,
    )
    expect(await lockTimeout()).toBe('0')
  })

  it('fails after the deadline with the names of the blocking sessions', async () => {
    await reader.query('BEGIN; SELECT FROM needed')
    const failed = withLockRetries(client, { tables: ['needed'], deadline: Date.now() - 1 }, lock)
    await expect(failed).rejects.toThrow(RunError)
    await expect(failed).rejects.toThrow(
      /could not lock its tables in time; blocked by: pid \d+ \(nightly report/,
    )
    expect(await lockTimeout()).toBe('0')
  })

  it('fails at once with any other error', async () => {
    let tries = 0
    const work = async (): Promise<void> => {
      tries += 1
      await client.query('SELECT 1/0')
    }
    const deadline = Date.now() + 60_000
    await expect(withLockRetries(client, { tables: ['needed'], deadline }, work)).rejects.toThrow(
      /division by zero/,
    )
    expect(tries).toBe(1)
  })
})

describe('the blocking sessions', () => {
  it('are those with a lock on one of the tables, or all that have a transaction', async () => {
    expect(await blockingSessions(client)).toBe('')
    await reader.query('BEGIN; SELECT FROM other')
    expect(await blockingSessions(client, ['needed'])).toBe('')
    expect(await blockingSessions(client, ['needed', 'other', 'not_there'])).toMatch(/nightly report/)
    expect(await blockingSessions(client)).toMatch(/nightly report/)
  })

  it('come in the order of their transactions, and one without a name is shown as such', async () => {
    const later = await connect({ url, applicationName: '' })
    await later.query(`SET application_name TO ''`)
    await reader.query('BEGIN; SELECT FROM needed')
    await later.query('BEGIN; SELECT FROM needed')
    expect(await blockingSessions(client, ['needed'])).toMatch(
      /^pid \d+ \(nightly report, .*\); pid \d+ \(no name, /,
    )
    await later.query('COMMIT')
    await disconnect(later)
  })
})
