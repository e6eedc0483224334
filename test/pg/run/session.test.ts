import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { Session } from '../../../job-image/run/session.ts'
import { createDatabase } from '../../support/database.ts'

const { url } = await createDatabase('empty')

/** Work whose first `times` tries end with the server's error of that SQLSTATE. */
function failing(
  state: string,
  times = 1,
): { work: (client: Client) => Promise<string>; tries: () => number } {
  let tries = 0
  return {
    tries: () => tries,
    work: async (client) => {
      tries += 1
      if (tries <= times) {
        await client.query(`DO $$ BEGIN RAISE 'on purpose' USING ERRCODE = '${state}'; END $$`)
      }
      return 'done'
    },
  }
}

async function inSession<T>(
  work: (client: Client) => Promise<T>,
  { outage = 5_000, onRetry = () => {} }: { outage?: number; onRetry?: (error: Error) => void } = {},
): Promise<T> {
  const session = new Session({ url, onRetry }, outage)
  try {
    return await session.run(work)
  } finally {
    await session.close()
  }
}

describe('work in a session', () => {
  it.each([
    ['08006', 'connection failure'],
    ['40001', 'serialization failure'],
    ['40P01', 'deadlock'],
    ['53100', 'disk full'],
    ['53200', 'out of memory'],
    ['53300', 'too many connections'],
    ['57P01', 'shutdown'],
    ['57P03', 'starting up'],
    ['58030', 'I/O error'],
    ['25006', 'read-only: a standby answered'],
    ['25P03', 'idle for too long within a transaction'],
  ])('is done again after %s (%s)', async (state) => {
    const { work, tries } = failing(state)
    const told: string[] = []
    expect(await inSession(work, { onRetry: ({ message }) => void told.push(message) })).toBe('done')
    expect(tries()).toBe(2)
    expect(told).toEqual(['on purpose'])
  })

  it.each([
    ['22012', 'data: division by zero'],
    ['23505', 'data: not unique'],
    ['42P01', 'no such table'],
    ['42601', 'syntax'],
    ['0A000', 'not supported'],
    ['55P03', 'lock not available: who set the limit knows'],
    ['57014', 'cancelled: somebody wanted it'],
    ['P0001', 'raised by a trigger'],
    ['XX001', 'corrupted data'],
  ])('is not done again after %s (%s)', async (state) => {
    const { work, tries } = failing(state)
    await expect(inSession(work)).rejects.toThrow('on purpose')
    expect(tries()).toBe(1)
  })

  it.each(['28P01', '28000', '3D000', '42501'])(
    'is not done again after %s, which a person has to mend and is told how',
    async (state) => {
      const { work, tries } = failing(state)
      const error = await inSession(work).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(InputError)
      expect((error as InputError).message).toMatch(/on purpose; (check|grant)/)
      expect(tries()).toBe(1)
    },
  )

  it('is not done again after a fault of the program or of its input', async () => {
    for (const error of [new InputError('wrong'), new TypeError('a bug')]) {
      let tries = 0
      const work = async (): Promise<never> => {
        tries += 1
        throw error
      }
      await expect(inSession(work)).rejects.toBe(error)
      expect(tries).toBe(1)
    }
  })

  it('is given up when the outage has lasted too long', async () => {
    const { work, tries } = failing('53300', Number.POSITIVE_INFINITY)
    const from = performance.now()
    await expect(inSession(work, { outage: 500 })).rejects.toThrow('on purpose')
    expect(performance.now() - from).toBeGreaterThan(450)
    // 50, 100, 200, 400 ms, each by chance up to a half shorter; the last pause may begin just before the end.
    expect(performance.now() - from).toBeLessThan(3_000)
    expect(tries()).toBeGreaterThanOrEqual(2)
    expect(tries()).toBeLessThanOrEqual(8)
  })
})
