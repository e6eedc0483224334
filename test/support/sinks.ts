import type { Client } from 'pg'
import type { Transport, Sink } from '../../job-image/notify/sink.ts'

/** The configuration of a webhook on this machine that gets a notification of each run of `production`. */
export function webhookSink(url: string, changes: Partial<Sink> & { transport?: Transport } = {}): Sink {
  return {
    name: 'ops',
    on: ['always'],
    environments: ['production'],
    grace: 300_000,
    timeout: 5_000,
    allowPrivateAddresses: true,
    transport: { type: 'webhook', url, headers: {} },
    ...changes,
  }
}

export type OutboxRow = {
  readonly event_id: string
  readonly job_run_id: number
  readonly sink: string
  readonly trigger: string
  readonly attempts: number
  readonly waiting: boolean
  readonly sent: boolean
  readonly cancelled: boolean
  /** The seconds between its creation and its next try. */
  readonly delay: number | null
  readonly last_error: string | null
}

/** Returns the rows of the outbox, oldest first. */
export async function outbox(client: Client): Promise<OutboxRow[]> {
  const { rows } = await client.query<OutboxRow>(
    `SELECT event_id, job_run_id, sink, trigger, attempts, next_try_at IS NOT NULL AS waiting,
            sent_at IS NOT NULL AS sent, cancelled_at IS NOT NULL AS cancelled,
            extract(epoch FROM next_try_at - created_at)::float AS delay, last_error
       FROM notification_outbox ORDER BY id`,
  )
  return rows
}

/** Makes all pending notifications due. */
export async function letTimePass(client: Client): Promise<void> {
  await client.query(
    `UPDATE notification_outbox SET next_try_at = created_at - interval '1 s' WHERE next_try_at IS NOT NULL`,
  )
}
