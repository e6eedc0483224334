import type { Client } from 'pg'
import { backoffDelay } from '../../common/backoff.ts'
import { inTransaction, withClient } from '../db/session/client.ts'
import type { Target } from '../db/session/client.ts'
import { UnreachableError } from '../db/session/errors.ts'
import {
  claimNotice,
  markBlocked,
  markFailed,
  markSent,
  retryNow,
  sinksWithDueNotices,
} from '../db/runs/notices.ts'
import type { ClaimedNotice } from '../db/runs/notices.ts'
import type { Lookup } from '../../common/webhook/address.ts'
import { unreachable } from '../../common/webhook/failure.ts'
import type { DeliveryError } from '../../common/webhook/failure.ts'
import type { Notice } from '../notify/notice.ts'
import { send } from '../notify/send.ts'
import type { Sink } from '../notify/sink.ts'

/** The outcome of one notice. `blocked`: this process cannot send to the sink and has not tried. */
export type Delivery = {
  readonly sink: string
  readonly outcome: 'sent' | 'failed' | 'given up' | 'blocked'
  readonly eventId: string | null
  readonly runId: number | null
  readonly trigger: Notice['trigger'] | null
  readonly error: string | null
}

export type DeliverOptions = {
  /** When aborted, running requests are cancelled and count as failed tries. */
  readonly signal?: AbortSignal | undefined
  /** Also try notices that wait after a failure, and those that were given up. */
  readonly retryNow?: boolean
  /** Replaced in tests. */
  readonly lookup?: Lookup | undefined
  readonly random?: () => number
}

/** The first delay in ms, doubled with each failure: ten tries take about four hours if a sender is always running. */
const FIRST_DELAY = 30_000
const MAX_TRIES = 10
/** The longest Retry-After of a sink that is respected, in ms. */
const MAX_RETRY_AFTER = 3_600_000

/** Number of sinks that are sent to concurrently; each needs a database connection. */
const SINKS_AT_ONCE = 5

/** The delay before the next try after `failures` failed ones, in ms; null after the last one. */
export function retryDelay(failures: number, random?: () => number): number | null {
  if (failures >= MAX_TRIES) return null
  return backoffDelay({ first: FIRST_DELAY }, failures - 1, random)
}

/**
 * Sends the due notices of these sinks, ordered by due time: each at least once, and exactly once unless a sender dies.
 * Sinks do not wait for each other; a sink that fails is not tried again before the next call. Rejects only if the
 * database fails.
 */
export async function deliverNotices(
  target: Target,
  sinks: readonly Sink[],
  options: DeliverOptions = {},
): Promise<Delivery[]> {
  if (sinks.length === 0) return []
  return withClient(target, async (client) => {
    if (options.retryNow === true) await retryNow(client, sinks)
    const due = await sinksWithDueNotices(client, sinks)
    const queue = sinks.filter(({ name }) => due.has(name))
    const deliveries: Delivery[] = []
    const worker = async (session: Client): Promise<void> => {
      for (let sink = queue.shift(); sink !== undefined; sink = queue.shift()) {
        deliveries.push(...(await deliverTo(session, sink, options)))
      }
    }
    const others = Math.max(0, Math.min(SINKS_AT_ONCE, queue.length) - 1)
    const ends = await Promise.allSettled([
      worker(client),
      ...Array.from({ length: others }, () => withClient(target, worker)),
    ])
    for (const end of ends) {
      // Further connections are optional: the first one sends all notices without them.
      if (end.status === 'rejected' && !(end.reason instanceof UnreachableError)) throw end.reason
    }
    return deliveries
  })
}

async function deliverTo(client: Client, sink: Sink, options: DeliverOptions): Promise<Delivery[]> {
  if (sink.transport.type === 'unusable') return block(client, sink, sink.transport.problem)
  const deliveries: Delivery[] = []
  while (options.signal?.aborted !== true) {
    const delivery = await inTransaction(client, () => deliverOne(client, sink, options))
    if (delivery === undefined) break
    deliveries.push(delivery)
    if (delivery.outcome !== 'sent') break
  }
  return deliveries
}

/** Sends one notice. The transaction locks its row, so that no other sender sends it; a crash releases the lock. */
async function deliverOne(
  client: Client,
  sink: Sink,
  { signal, lookup, random }: DeliverOptions,
): Promise<Delivery | undefined> {
  const claimed = await claimNotice(client, sink)
  if (claimed === undefined) return undefined
  try {
    await send(sink, claimed.payload, { signal, lookup })
  } catch (thrown) {
    const error = unreachable(sink.name, thrown)
    const delay = delayAfter(error, claimed, random)
    await markFailed(client, claimed.id, error.message, delay)
    return deliveryOf(sink, claimed.payload, delay === null ? 'given up' : 'failed', error.message)
  }
  await markSent(client, claimed.id)
  return deliveryOf(sink, claimed.payload, 'sent', null)
}

/** The delay before the next try, in ms; respects the sink's Retry-After. Null gives up. */
function delayAfter(
  { retryAfter = 0 }: DeliveryError,
  { attempts }: ClaimedNotice,
  random: (() => number) | undefined,
): number | null {
  const delay = retryDelay(attempts + 1, random)
  return delay === null ? null : Math.max(delay, Math.min(retryAfter, MAX_RETRY_AFTER))
}

async function block(client: Client, sink: Sink, problem: string): Promise<Delivery[]> {
  const blocked = await markBlocked(client, sink, problem)
  if (blocked === 0) return []
  return [{ sink: sink.name, outcome: 'blocked', eventId: null, runId: null, trigger: null, error: problem }]
}

function deliveryOf(
  { name }: Sink,
  { id, run, trigger }: Notice,
  outcome: Delivery['outcome'],
  error: string | null,
): Delivery {
  return { sink: name, outcome, eventId: id, runId: run.runId, trigger, error }
}
