import { beforeEach, describe, expect, it } from 'vitest'
import { finishJobRun, reopenJobRun, startJobRun } from '../../../../job-image/db/runs/job-runs.ts'
import type { JobRun } from '../../../../job-image/db/runs/job-runs.ts'
import {
  cancelNotices,
  claimNotice,
  insertNotices,
  listNotices,
  markBlocked,
  markFailed,
  markSent,
  retryNow,
  sinksNotifiedOfFailure,
  sinksWithDueNotices,
} from '../../../../job-image/db/runs/notices.ts'
import type { ClaimedNotice, NewNotice, NoticeFilter } from '../../../../job-image/db/runs/notices.ts'
import { connect, disconnect } from '../../../../job-image/db/session/client.ts'
import { createDatabase } from '../../../support/database.ts'
import { noticeOf } from '../../../support/notice.ts'

const { client, url } = await createDatabase()
const FAILURE = { status: 'failed', verdict: 'Errored', metrics: {} } as const
const ops = { name: 'ops', environments: ['production'] }
const mail = { name: 'mail', environments: ['production', 'staging'] }
let run: JobRun

beforeEach(async () => {
  await client.query('TRUNCATE job_runs, notification_outbox RESTART IDENTITY CASCADE')
  run = await endedRun()
})

async function endedRun(environment = 'production'): Promise<JobRun> {
  const runKey = `k-${Math.random()}`
  const started = await startJobRun(client, { jobType: 'validation', environment, attributes: {}, runKey })
  return (await finishJobRun(client, started, FAILURE))!
}

const newNotice = (id: string, sink: string, grace = 0): NewNotice => ({
  sink,
  grace,
  notice: noticeOf({}, { id }),
})
const insert = (...notices: NewNotice[]): Promise<void> => insertNotices(client, run, notices)
const states = async (filter: Partial<NoticeFilter> = {}): Promise<string[]> =>
  (await listNotices(client, { limit: 10, ...filter })).map(({ event_id, state }) => `${event_id} ${state}`)
/** Claims and releases. */
const due = async (sink = ops): Promise<ClaimedNotice | undefined> => claimNotice(client, sink)

describe('a notice is stored', () => {
  it('once, with what it says, and due after its grace', async () => {
    await insert(newNotice('a', 'ops'), newNotice('b', 'ops', 60_000))
    await insert(newNotice('a', 'ops'), newNotice('c', 'mail'))
    expect(await listNotices(client, { limit: 10 })).toMatchObject([
      { event_id: 'c', sink: 'mail' },
      { event_id: 'b', attempts: 0 },
      {
        event_id: 'a',
        job_run_id: 1,
        environment: 'production',
        trigger: 'worse',
        state: 'pending',
        last_error: null,
      },
    ])
    expect(await due()).toEqual({
      id: expect.anything() as string,
      attempts: 0,
      payload: noticeOf({}, { id: 'a' }),
    })
    const { rows } = await client.query(
      `SELECT extract(epoch FROM next_try_at - created_at)::int AS s FROM notification_outbox ORDER BY id`,
    )
    expect(rows).toEqual([{ s: 0 }, { s: 60 }, { s: 0 }])
  })
})

describe('a notice is due', () => {
  it('for its sink and environment, while the end of its run is the current one', async () => {
    await insert(newNotice('a', 'ops'), newNotice('b', 'mail', 60_000))
    expect(await sinksWithDueNotices(client, [ops, mail])).toEqual(new Set(['ops']))
    expect(await sinksWithDueNotices(client, [{ ...ops, environments: ['staging'] }])).toEqual(new Set())
    expect(await due(mail)).toBeUndefined()
    await reopenJobRun(client, run)
    expect(await sinksWithDueNotices(client, [ops])).toEqual(new Set())
    expect(await due()).toBeUndefined()
  })

  it('in the order of the time since when it is', async () => {
    await insert(newNotice('a', 'ops'), newNotice('b', 'ops'))
    await client.query(
      `UPDATE notification_outbox SET next_try_at = next_try_at - interval '1 h' WHERE event_id = 'b'`,
    )
    expect((await due())?.payload.id).toBe('b')
  })

  it('for one sender at a time', async () => {
    await insert(newNotice('a', 'ops'), newNotice('b', 'ops'))
    const peer = await connect({ url })
    await peer.query('BEGIN')
    expect((await claimNotice(peer, ops))?.payload.id).toBe('a')
    expect((await due())?.payload.id).toBe('b')
    await peer.query('ROLLBACK')
    await disconnect(peer)
    expect((await due())?.payload.id).toBe('a')
  })
})

describe('a try', () => {
  const claimed = async (): Promise<string> => (await due())!.id

  it('that succeeds is the last one', async () => {
    await insert(newNotice('a', 'ops'))
    await markFailed(client, await claimed(), 'refused', 0)
    await markSent(client, await claimed())
    expect(await listNotices(client, { limit: 1 })).toMatchObject([
      {
        state: 'sent',
        attempts: 2,
        next_try_at: null,
        last_error: null,
        sent_at: expect.any(String) as string,
      },
    ])
    expect(await due()).toBeUndefined()
  })

  it('that fails is followed by another one after the delay, or by none', async () => {
    await insert(newNotice('a', 'ops'))
    const id = await claimed()
    await markFailed(client, id, 'refused', 60_000)
    expect(await listNotices(client, { limit: 1 })).toMatchObject([
      { state: 'pending', last_error: 'refused' },
    ])
    expect(await due()).toBeUndefined()
    await markFailed(client, id, 'given up', null)
    expect(await listNotices(client, { limit: 1 })).toMatchObject([
      { state: 'failed', attempts: 2, last_error: 'given up', next_try_at: null },
    ])
  })

  it('can be made now, after a failed one, but not of what waits for its first', async () => {
    await insert(newNotice('tried', 'ops'), newNotice('young', 'ops', 60_000), newNotice('given up', 'ops'))
    for (const delay of [60_000, null]) await markFailed(client, await claimed(), 'refused', delay)
    await retryNow(client, [mail])
    expect(await due()).toBeUndefined()
    await retryNow(client, [ops])
    expect((await due())?.payload.id).toBe('tried')
    await markSent(client, await claimed())
    expect((await due())?.payload.id).toBe('given up')
    await markSent(client, await claimed())
    expect(await due()).toBeUndefined()
  })

  it('that this process cannot make is noted with the notices that are due, which stay due', async () => {
    await insert(newNotice('a', 'ops'), newNotice('b', 'ops', 60_000), newNotice('c', 'mail'))
    expect(await markBlocked(client, ops, 'no URL')).toBe(1)
    const noted = await listNotices(client, { limit: 3 })
    expect(noted.map(({ last_error }) => last_error)).toEqual([null, null, 'no URL'])
    expect(await due()).toMatchObject({ attempts: 0 })
  })
})

describe('a run that is reopened', () => {
  it('cancels its pending notices, except one that is being sent', async () => {
    await insert(newNotice('a', 'ops'), newNotice('b', 'ops'), newNotice('c', 'mail'))
    await markSent(client, (await due(mail))!.id)
    const peer = await connect({ url })
    await peer.query('BEGIN')
    await claimNotice(peer, ops)
    await cancelNotices(client, run)
    await peer.query('ROLLBACK')
    await disconnect(peer)
    expect(await states()).toEqual(['c sent', 'b cancelled', 'a pending'])
    await cancelNotices(client, { ...run, run_key: 'other' })
    expect(await states()).toEqual(['c sent', 'b cancelled', 'a pending'])
  })

  it('knows the sinks that were notified of its failure before', async () => {
    await insert(newNotice('a', 'ops'), newNotice('b', 'mail'))
    await markSent(client, (await due())!.id)
    expect(await sinksNotifiedOfFailure(client, run)).toEqual([])
    await reopenJobRun(client, run)
    const again = (await finishJobRun(client, run, FAILURE))!
    expect(await sinksNotifiedOfFailure(client, again)).toEqual(['ops'])
  })
})

it('notices are listed newest first, filtered before they are limited', async () => {
  await insert(newNotice('a', 'ops'), newNotice('b', 'mail'))
  await insertNotices(client, await endedRun('staging'), [newNotice('c', 'mail')])
  await markSent(client, (await due(mail))!.id)
  expect(await states()).toEqual(['c pending', 'b sent', 'a pending'])
  expect(await states({ limit: 1 })).toEqual(['c pending'])
  expect(await states({ environment: 'production', limit: 1 })).toEqual(['b sent'])
  expect(await states({ sink: 'ops' })).toEqual(['a pending'])
  expect(await states({ state: 'pending', sink: 'mail' })).toEqual(['c pending'])
})
