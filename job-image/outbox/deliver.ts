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

/** What came of one notice. `blocked`: this process cannot send to the sink at all, and has not tried. */
export type Delivery = {
  readonly sink: string
  readonly outcome: 'sent' | 'failed' | 'given up' | 'blocked'
  readonly eventId: string | null
  readonly runId: number | null
  readonly trigger: Notice['trigger'] | null
  readonly error: string | null
}

export type DeliverOptions = {
  /** Aborted: what is under way is broken off, and counts as a try that failed. */
  readonly signal?: AbortSignal | undefined
  /** Try what waits after a failure, and what was given up, as well. */
  readonly retryNow?: boolean
  /** For tests. */
  readonly lookup?: Lookup | undefined
  readonly random?: () => number
}

/** Twice as long each time; ten tries take about four hours where there is always somebody to make them. */
const FIRST_DELAY = 30_000
const MAX_ATTEMPTS = 10
/** A receiver may ask for more patience than we have. */
const LONGEST_ASKED = 3_600_000

/** More would rarely gain anything, and each takes a connection of the database. */
const SINKS_AT_ONCE = 5

/** Until the next try after `failures` failed ones, in ms; null: that was the last. */
export function retryDelay(failures: number, random?: () => number): number | null {
  if (failures >= MAX_ATTEMPTS) return null
  return backoffDelay({ first: FIRST_DELAY }, failures - 1, random)
}

/**
 * Sends what is due to these sinks: each notice at least once, in the order in which it became due, and as long as no
 * sender dies, once. Sinks do not wait for each other; one that fails is left alone until the next call. Rejects only
 * when the database fails.
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
      // Further connections are only wanted: what they would have sent, the first one sends.
      if (end.status === 'rejected' && !(end.reason instanceof UnreachableError)) throw end.reason
    }
    return deliveries
  })
}

async function deliverTo(client: Client, sink: Sink, options: DeliverOptions): Promise<Delivery[]> {
  if (sink.receiver.type === 'unusable') return block(client, sink, sink.receiver.fault)
  const deliveries: Delivery[] = []
  while (options.signal?.aborted !== true) {
    const delivery = await inTransaction(client, () => deliverOne(client, sink, options))
    if (delivery === undefined) break
    deliveries.push(delivery)
    if (delivery.outcome !== 'sent') break
  }
  return deliveries
}

/** In a transaction that holds the notice's row: nobody else sends it meanwhile, and a crash lets go of it. */
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

/** A receiver that asks to be left alone is. */
function delayAfter(
  { retryAfter = 0 }: DeliveryError,
  { attempts }: ClaimedNotice,
  random: (() => number) | undefined,
): number | null {
  const delay = retryDelay(attempts + 1, random)
  return delay === null ? null : Math.max(delay, Math.min(retryAfter, LONGEST_ASKED))
}

async function block(client: Client, sink: Sink, fault: string): Promise<Delivery[]> {
  const blocked = await markBlocked(client, sink, fault)
  if (blocked === 0) return []
  return [{ sink: sink.name, outcome: 'blocked', eventId: null, runId: null, trigger: null, error: fault }]
}

function deliveryOf(
  { name }: Sink,
  { id, run, trigger }: Notice,
  outcome: Delivery['outcome'],
  error: string | null,
): Delivery {
  return { sink: name, outcome, eventId: id, runId: run.runId, trigger, error }
}
