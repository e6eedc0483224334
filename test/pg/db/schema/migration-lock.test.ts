import { expect, it } from 'vitest'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { withMigrationLock } from '../../../../job-image/db/schema/migration-lock.ts'
import { createDatabase } from '../../../support/database.ts'

const { client, url } = await createDatabase('empty')

async function locks(): Promise<number> {
  const { rows } = await client.query(
    `SELECT FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  return rows.length
}

it('one session works at a time; the next one says that it waits, and holds no snapshot meanwhile', async () => {
  const other = await connect({ url })
  const order: string[] = []
  let second: Promise<void> | undefined
  await withMigrationLock(client, undefined, async () => {
    const said = new Promise<void>((resolve) => {
      second = withMigrationLock(
        other,
        (message) => {
          order.push(message)
          resolve()
        },
        async () => void order.push('second'),
      )
    })
    await said
    order.push('first')
  })
  await second
  expect(order).toEqual(['waiting for another migration of this database', 'first', 'second'])
  await disconnect(other)
})

it('returns what the work returns, and releases the lock', async () => {
  const held = await withMigrationLock(client, undefined, locks)
  expect(held).toBe(1)
  expect(await locks()).toBe(0)
})

it('releases the lock when the work fails', async () => {
  const failed = withMigrationLock(client, undefined, () => Promise.reject(new Error('the work failed')))
  await expect(failed).rejects.toThrow('the work failed')
  expect(await locks()).toBe(0)
})
